"""When the hub's operator is told: a sink that stays down, an agent that stays far behind, an agent that says nothing any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lineagehub_agents.alerts.agent_health import AgentHealthWatch

from lineagehub.contract.agent_states import AgentState, TopicState
from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.settings import AlertsSettings

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
SETTINGS = AlertsSettings(sink_down_seconds=120, lag_records=1_000, lag_seconds=300, silent_seconds=120)


class Hub:
    """Agents that say how they are, and a watch that hears it."""

    def __init__(self) -> None:
        self.watch = AgentHealthWatch(SETTINGS)

    def says(self, at: datetime, behind: int = 0, down_since: datetime | None = None, replica: str = "one") -> None:
        """Let a process of the agent say how it is."""
        topic = TopicState(topic="otel-spans", behind=behind, down_since=down_since)
        state = AgentState(agent="telemetry-store", replica=replica, at=at, topics=(topic,))
        self.watch.apply(state.key, state.model_dump_json().encode())

    def due(self, at: datetime = NOW, listening_since: datetime = LONG_AGO) -> list[Alert]:
        """Return what is due."""
        return list(self.watch.due(at, listening_since))


def test_a_sink_that_is_down_for_long_is_told_of_once_by_its_beginning() -> None:
    hub = Hub()
    hub.says(NOW, down_since=NOW - timedelta(seconds=119))
    assert hub.due() == []
    hub.says(NOW, down_since=NOW - timedelta(seconds=120))
    hub.says(NOW, down_since=NOW - timedelta(seconds=500), replica="two")
    (alert,) = hub.due()
    assert (alert.kind, alert.namespace, alert.level) == (AlertKind.SINK_DOWN, None, "telemetry-store/otel-spans")
    assert (alert.figures["seconds"], alert.period) == (500, "2026-01-31T11:51Z")
    hub.says(NOW)
    hub.says(NOW, replica="two")
    assert hub.due() == []


def test_an_agent_that_stays_far_behind_is_told_of_by_all_its_processes_together() -> None:
    hub = Hub()
    for second in range(0, 310, 10):
        at = NOW + timedelta(seconds=second)
        hub.says(at, behind=600)
        hub.says(at, behind=600, replica="two")
        assert [alert.kind for alert in hub.due(at)] == ([AlertKind.LAG] if second >= 300 else []), second
    at += timedelta(seconds=10)
    hub.says(at, behind=399)
    hub.says(at, behind=600, replica="two")
    assert hub.due(at) == []
    hub.says(at, behind=600)
    assert hub.due(at) == []


def test_an_agent_that_says_nothing_any_more_is_told_of_unless_another_of_its_processes_does() -> None:
    hub = Hub()
    hub.says(NOW - timedelta(seconds=121))
    hub.says(NOW, replica="two")
    assert hub.due() == []
    hub.says(NOW - timedelta(seconds=120), replica="two")
    (alert,) = hub.due()
    assert (alert.kind, alert.level) == (AlertKind.LAG, "telemetry-store silent")
    assert hub.due(listening_since=NOW - timedelta(seconds=119)) == []


def test_an_agent_that_stopped_as_it_was_told_is_not_silent_and_one_of_yesterday_is_forgotten() -> None:
    hub = Hub()
    hub.says(NOW - timedelta(minutes=10))
    hub.watch.apply(b"telemetry-store|one", None)
    assert hub.due() == []
    hub.says(NOW - timedelta(days=1, seconds=1))
    assert hub.due() == []
    assert hub.watch.forgotten(NOW) == [b"telemetry-store|one"]


def test_what_cannot_be_read_is_passed_over() -> None:
    hub = Hub()
    hub.watch.apply(b"telemetry-store|one", b"{}")
    hub.watch.apply(
        b"other|one", AgentState(agent="telemetry-store", replica="one", at=LONG_AGO).model_dump_json().encode()
    )
    assert hub.due() == []
