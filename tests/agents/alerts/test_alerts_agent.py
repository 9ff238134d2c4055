"""The agent `alerts` as processes on a real broker: what is due reaches the webhook once, through kill -9 and with a second process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lineagehub_agents.agent import AgentParts
from lineagehub_agents.alerts.agent import AlertsAgent
from pydantic import SecretStr

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.agent_states import AgentState, TopicState
from lineagehub.contract.alerts import NAMESPACE_KINDS
from lineagehub.contract.control import LimitsRecord, WebhookFormat, WebhooksRecord
from lineagehub.contract.dead_letter import DeadLetter
from lineagehub.contract.limits import Limits
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import AGENT_STATES, ALERTS, CONTROL, DEAD_LETTERS, USAGE
from lineagehub.contract.usage import Counts, UsageTotal, Verdict, encode
from lineagehub.errors import ConfigurationError
from lineagehub.settings import AlertsSettings, Settings
from lineagehub.webhooks.sealed import OpenWebhook, seal_webhook, webhook_id
from tests.support.broker import EmbeddedBroker, free_port, start_embedded_broker
from tests.support.hub import clean_environment
from tests.support.quotas import nobody_over_quota
from tests.support.records import read_records
from tests.support.signing import SECRET_KEY
from tests.support.waiting import wait_until_async
from tests.support.webhook_server import WebhookServer, webhook_server

pytestmark = pytest.mark.slow

START_SECONDS = 60
DEADLINE_SECONDS = 40
NAMESPACE = new_namespace("analytics")
TOPICS = (CONTROL, USAGE, DEAD_LETTERS, ALERTS, AGENT_STATES)


class Hub:
    """A broker, a receiver of webhooks, and hands to write what the agent reads. Messages may follow each other at once."""

    def __init__(self, broker: EmbeddedBroker, producer: Producer, server: WebhookServer) -> None:
        self.broker = broker
        self.producer = producer
        self.server = server

    @contextlib.contextmanager
    def agent(self) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """Run a process of the agent; kill it with -9 at the end. Gives it and its operations port."""
        port = free_port()
        environment = {
            **clean_environment(),
            "LINEAGEHUB_KAFKA_BROKERS": self.broker.address,
            "LINEAGEHUB_KAFKA_IDEMPOTENT": "false",
            "LINEAGEHUB_SECRET_KEY": SECRET_KEY,
            "LINEAGEHUB_AGENTS_SESSION_TIMEOUT_SECONDS": "3",
            "LINEAGEHUB_AGENTS_REBALANCE_TIMEOUT_SECONDS": "3",
            "LINEAGEHUB_AGENTS_HEARTBEAT_SECONDS": "1",
            "LINEAGEHUB_AGENTS_OPS_PORT": str(port),
            "LINEAGEHUB_ALERTS_TRUSTED_ORIGINS": self.server.origin,
            "LINEAGEHUB_ALERTS_WEBHOOK_URL": self.server.json,
            "LINEAGEHUB_ALERTS_WEBHOOK_FORMAT": "json",
            "LINEAGEHUB_ALERTS_MESSAGE_SECONDS": "0.5",
            "LINEAGEHUB_ALERTS_DEAD_LETTERS": "5",
        }
        command = [sys.executable, "-m", "lineagehub", "agent", "alerts", "--json"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process, port
        finally:
            process.kill()
            process.wait()

    async def set_up_namespace(self) -> None:
        """Make a namespace with a quota of 1,000 events and one webhook."""
        sealer = Sealer(SECRET_KEY)
        webhook = OpenWebhook(
            webhook_id(sealer, NAMESPACE.id, self.server.slack), WebhookFormat.SLACK, NAMESPACE_KINDS, self.server.slack
        )
        about = {"namespace": NAMESPACE.name, "namespace_id": NAMESPACE.id, "updated_at": datetime.now(UTC)}
        writer = ControlWriter(self.producer, CONTROL.name)
        await writer.put(NAMESPACE)
        await writer.put(LimitsRecord.model_validate({**about, "limits": Limits(events_per_day=1_000)}))
        sealed = seal_webhook(sealer, NAMESPACE.id, webhook, "127.0.0.1")
        await writer.put(WebhooksRecord.model_validate({**about, "webhooks": (sealed,)}))

    async def use(self, count: int) -> None:
        """Let the namespace have used so many events today."""
        day = datetime.now(UTC).date().isoformat()
        total = UsageTotal(NAMESPACE.name, day, Signal.LINEAGE, Counts(stored=count), {}, 0, 1_000, Verdict.WITHIN)
        await self.producer.send(USAGE.name, encode(total), total.key)

    async def dead_letter(self, count: int) -> None:
        """Write so many dead letters of the namespace."""
        for offset in range(count):
            headers = DeadLetter(Reason.SCHEMA_INVALID, "<!channel>", "lineage-store", "t", 0, offset).to_headers()
            await self.producer.send(DEAD_LETTERS.name, b"{}", NAMESPACE.name.encode(), headers)

    async def sink_down(self) -> None:
        """Let a process of another agent say that its sink is down for an hour."""
        now = datetime.now(UTC)
        topic = TopicState(topic="otel-spans", behind=7, down_since=now - timedelta(hours=1))
        state = AgentState(agent="telemetry-store", replica="one", at=now, topics=(topic,))
        await self.producer.send(AGENT_STATES.name, state.model_dump_json().encode(), state.key)

    @property
    def told(self) -> list[str]:
        """The lines that the namespace's webhook has taken."""
        messages = [one for one in self.server.taken if one.path.startswith("/services/")]
        return [line for message in messages for line in message.document["text"].splitlines()]

    @property
    def operator_told(self) -> list[str]:
        """The alerts that the operator's webhook has taken, as kind and level."""
        messages = [one for one in self.server.taken if one.path == "/json"]
        return [f"{one['kind']} {one['level']}" for message in messages for one in message.document["alerts"]]

    async def wait_told(self, count: int) -> None:
        """Wait until the namespace was told of so many alerts."""
        await wait_until_async(lambda: _is(len(self.told) >= count), DEADLINE_SECONDS, f"{count} alerts")


async def _is(condition: bool) -> bool:
    return condition


async def wait_ready(port: int) -> None:
    def ready() -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer,
        ):
            return bool(json.loads(answer.read())["ready"])
        return False

    await wait_until_async(lambda: asyncio.to_thread(ready), START_SECONDS, "the agent to be ready")


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    with start_embedded_broker() as broker:
        await apply_topics(broker.settings(), TOPICS)
        async with Producer(broker.settings()) as producer, webhook_server() as server:
            running = Hub(broker, producer, server)
            await running.set_up_namespace()
            yield running


async def test_quota_dead_letters_and_a_dead_sink_are_each_told_to_whom_they_concern(hub: Hub) -> None:
    await hub.use(810)
    await hub.dead_letter(5)
    with hub.agent():
        await hub.wait_told(2)
        await hub.sink_down()
        await wait_until_async(lambda: _is(bool(hub.operator_told)), DEADLINE_SECONDS, "the operator to be told")
    assert sorted(line.split()[1] for line in hub.told) == ["5", "81"]
    assert not [line for line in hub.told if "channel" in line]
    assert hub.operator_told == ["sink_down telemetry-store/otel-spans"]


async def test_a_process_killed_again_and_again_tells_each_level_once(hub: Hub) -> None:
    for lives, used in enumerate((800, 950, 1_000), start=1):
        await hub.use(used)
        with hub.agent():
            await hub.wait_told(lives)
            # Killed only when it is on Kafka that the webhook has it: in between lies the one repeat that there can be.
            await read_records(hub.broker.settings(), ALERTS.name, 3 * lives)
    with hub.agent() as (_, port):
        await wait_ready(port)
        await hub.dead_letter(5)
        await hub.wait_told(4)
    assert [line.split()[1] for line in hub.told] == ["80", "95", "100", "5"]


async def test_of_two_processes_one_tells_and_the_other_goes_on_when_it_dies(hub: Hub) -> None:
    with hub.agent() as (_, second_port), contextlib.ExitStack() as first_life:
        _, first_port = first_life.enter_context(hub.agent())
        await wait_ready(first_port)
        await wait_ready(second_port)
        await hub.use(800)
        await hub.wait_told(1)
        await read_records(hub.broker.settings(), ALERTS.name, 3)
        first_life.close()
        await hub.use(950)
        await hub.wait_told(2)
    assert [line.split()[1] for line in hub.told] == ["80", "95"]


def test_an_operators_webhook_that_leads_where_none_may_is_said_before_anything_starts() -> None:
    url = "http://169.254.169.254/token-in-it"
    settings = Settings(alerts=AlertsSettings(webhook_url=SecretStr(url)))
    sealer = Sealer(SECRET_KEY)
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_ALERTS_WEBHOOK_URL must begin with https") as caught:
        AlertsAgent(AgentParts(settings, Directory(sealer), sealer, Producer(settings.kafka), nobody_over_quota()))
    assert "token-in-it" not in str(caught.value)
