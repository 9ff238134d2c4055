"""What an agent process says of itself on Kafka, which the agent `alerts` reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from lineagehub_agents.agent import TopicHealth
from lineagehub_agents.reporting import StateReporter

from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.agent_states import AgentState
from lineagehub.contract.topics import AGENT_STATES
from lineagehub.settings import KafkaSettings
from tests.support.broker import start_embedded_broker
from tests.support.records import read_records

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class Worker:
    """An agent whose health the test sets."""

    name = "telemetry-store"
    is_ready = True
    has_crashed = False
    fault = ""

    def __init__(self) -> None:
        self.health = {"otel-spans": TopicHealth(7, is_down=False)}

    async def start(self) -> None:
        """See Agent."""

    async def stop(self) -> None:
        """See Agent."""

    def topic_health(self) -> Mapping[str, TopicHealth]:
        """See Agent."""
        return self.health


def test_a_sink_is_down_since_it_was_first_seen_to_be_until_it_takes_something() -> None:
    worker = Worker()
    reporter = StateReporter([worker], Producer(KafkaSettings()), AGENT_STATES.name)

    def down_since(minutes: int, is_down: bool) -> datetime | None:
        worker.health["otel-spans"] = TopicHealth(7, is_down)
        (state,) = reporter.states(NOW + timedelta(minutes=minutes))
        assert state.topics[0].behind == 7
        return state.topics[0].down_since

    assert down_since(0, is_down=False) is None
    assert down_since(1, is_down=True) == NOW + timedelta(minutes=1)
    assert down_since(2, is_down=True) == NOW + timedelta(minutes=1)
    assert down_since(3, is_down=False) is None
    assert down_since(4, is_down=True) == NOW + timedelta(minutes=4)


async def test_a_process_says_how_it_is_and_takes_it_back_when_it_is_stopped() -> None:
    with start_embedded_broker() as broker:
        await apply_topics(broker.settings(), [AGENT_STATES])
        async with Producer(broker.settings()) as producer:
            reporter = StateReporter([Worker()], producer, AGENT_STATES.name, "replica-1")
            await reporter.start()
            (first,) = await read_records(broker.settings(), AGENT_STATES.name, 1)
            await reporter.stop()
            records = await read_records(broker.settings(), AGENT_STATES.name, 2)
    assert AgentState.model_validate_json(first.value).topics[0].behind == 7
    assert [(record.key, record.value is None) for record in records] == [
        (b"telemetry-store|replica-1", False),
        (b"telemetry-store|replica-1", True),
    ]
