"""Alerts from being raised to being taken, on a real broker: once each, together, at each webhook's own pace, and after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lineagehub_agents.alerts.courier import Courier, Recipient
from lineagehub_agents.alerts.outbox import KEEP, Outbox

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.alerts import NAMESPACE_KINDS, Alert, AlertKind, AlertRecord
from lineagehub.contract.control import WebhookFormat
from lineagehub.contract.topics import ALERTS
from lineagehub.settings import AlertsSettings, KafkaSettings
from lineagehub.webhooks.destinations import DestinationRules
from lineagehub.webhooks.sealed import OpenWebhook
from lineagehub.webhooks.sender import WebhookSender
from tests.support.broker import EmbeddedBroker, start_embedded_broker
from tests.support.records import read_records
from tests.support.waiting import wait_until_async
from tests.support.webhook_server import WebhookServer, webhook_server

DEADLINE_SECONDS = 20
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NAMESPACE = "analytics"


def alert(level: str, kind: AlertKind = AlertKind.QUOTA, at: datetime = NOW, period: str = "2026-01-31") -> Alert:
    return Alert(namespace=NAMESPACE, kind=kind, level=level, period=period, text=f"{level} is reached.", at=at)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with start_embedded_broker() as running:
        yield running


class Life:
    """One life of a process that sends alerts. A further one on the same topic knows what the first one wrote, and nothing else."""

    def __init__(self, kafka: KafkaSettings, server: WebhookServer) -> None:
        self.kafka = kafka
        self.server = server
        self.topic = kafka.topic_name(ALERTS)
        self.producer = Producer(kafka)
        self.outbox = Outbox(self.producer, self.topic)
        self.view = CompactedView(kafka, self.topic, self.outbox.apply)
        self.sender = WebhookSender(DestinationRules(trusted=frozenset({server.origin})))
        self.courier = Courier(self.outbox, self.sender, AlertsSettings(message_seconds=60, expire_seconds=3_600))
        self.recipients = [Recipient(NAMESPACE, self.webhook())]

    def webhook(self, identity: str = "slack", url: str = "") -> OpenWebhook:
        """Return a webhook of the namespace."""
        return OpenWebhook(identity, WebhookFormat.SLACK, NAMESPACE_KINDS, url or self.server.slack)

    async def round(self, at: datetime) -> None:
        """Let the courier begin what is due, and wait until it has come to an end."""
        self.courier.deliver(self.recipients, at)
        await asyncio.gather(*self.courier._sending.values())

    @property
    def texts(self) -> list[str]:
        """The messages that were taken."""
        return [one.document["text"] for one in self.server.taken]


@contextlib.asynccontextmanager
async def life(kafka: KafkaSettings, server: WebhookServer) -> AsyncIterator[Life]:
    living = Life(kafka, server)
    async with living.producer, living.sender:
        await living.view.start()
        assert await living.view.wait_complete(DEADLINE_SECONDS)
        try:
            yield living
        finally:
            await living.courier.stop()
            await living.view.stop()


@pytest.fixture
async def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    settings = broker.settings(topic_names={ALERTS.name: f"alerts-{uuid.uuid4().hex[:8]}"})
    await apply_topics(settings, [ALERTS])
    return settings


@pytest.fixture
async def server() -> AsyncIterator[WebhookServer]:
    async with webhook_server() as running:
        yield running


@pytest.fixture
async def first(kafka: KafkaSettings, server: WebhookServer) -> AsyncIterator[Life]:
    async with life(kafka, server) as living:
        yield living


async def test_the_first_alert_is_sent_at_once_and_those_of_the_minute_after_it_together(first: Life) -> None:
    await first.outbox.add([alert("80")])
    await first.round(NOW)
    await first.outbox.add([alert("95"), alert("schema_invalid", AlertKind.DEAD_LETTERS)])
    await first.round(NOW + timedelta(seconds=1))
    await first.round(NOW + timedelta(seconds=59))
    assert first.texts == ["[analytics] 80 is reached."]
    await first.round(NOW + timedelta(seconds=60))
    assert first.texts[1:] == ["[analytics] 95 is reached.\n[analytics] schema_invalid is reached."]
    await first.round(NOW + timedelta(hours=1))
    assert len(first.server.received) == 2


@pytest.mark.slow
async def test_a_storm_of_ten_thousand_alerts_is_one_message(first: Life) -> None:
    storm = [alert(f"reason_{number}", AlertKind.DEAD_LETTERS) for number in range(10_000)]
    for record in (AlertRecord(alert=one) for one in storm):
        first.outbox.apply(record.alert.key, record.model_dump_json().encode())
    await first.round(NOW)
    await first.round(NOW + timedelta(minutes=2))
    assert [text.splitlines()[-1] for text in first.texts] == ["… and 9980 more"]


async def test_another_life_sends_nothing_again_and_keeps_the_pace(
    first: Life, kafka: KafkaSettings, server: WebhookServer
) -> None:
    await first.outbox.add([alert("80")])
    await first.round(NOW)
    async with life(kafka, server) as second:
        assert not second.outbox.is_new(alert("80"))
        await second.outbox.add([alert("95")])
        await second.round(NOW + timedelta(seconds=30))
        assert len(server.received) == 1
        await second.round(NOW + timedelta(seconds=60))
    assert first.texts == ["[analytics] 80 is reached.", "[analytics] 95 is reached."]


async def test_what_was_raised_and_not_sent_is_sent_in_the_next_life(
    first: Life, kafka: KafkaSettings, server: WebhookServer
) -> None:
    await first.outbox.add([alert("80")])
    async with life(kafka, server) as second:
        await second.round(NOW)
    assert len(server.taken) == 1


async def test_a_webhook_that_is_away_is_asked_again_with_backoff_and_when_it_says_and_delays_no_other(
    first: Life,
) -> None:
    other = OpenWebhook("json", WebhookFormat.JSON, NAMESPACE_KINDS, first.server.json)
    await first.outbox.add([alert("80")])
    first.server.answers = [(503, {}), (429, {"Retry-After": "300"})]
    await first.round(NOW)
    await first.round(NOW + timedelta(milliseconds=900))
    assert [one.status for one in first.server.received] == [503]
    await first.round(NOW + timedelta(seconds=2))
    assert [one.status for one in first.server.received] == [503, 429]
    first.recipients.append(Recipient(NAMESPACE, other))
    await first.round(NOW + timedelta(seconds=301))
    assert [(one.path, one.status) for one in first.server.received[2:]] == [("/json", 200)]
    await first.round(NOW + timedelta(seconds=302))
    assert [one.path for one in first.server.taken] == ["/json", "/services/T0/B0/secret"]
    assert first.courier.failing == 0


async def test_what_a_webhook_refuses_or_may_not_lead_to_is_not_sent_again(first: Life) -> None:
    inside = first.webhook("inside", "http://169.254.169.254/")
    first.recipients = [Recipient(NAMESPACE, first.webhook()), Recipient(NAMESPACE, inside)]
    await first.outbox.add([alert("80")])
    first.server.answers = [(404, {})]
    await first.round(NOW)
    await first.round(NOW + timedelta(hours=1))
    assert [one.status for one in first.server.received] == [404]
    assert await _outcomes(first, 2) == {"slack": "refused", "inside": "refused"}


async def test_what_could_not_be_sent_for_long_is_given_up(first: Life) -> None:
    await first.outbox.add([alert("80"), alert("95", at=NOW + timedelta(minutes=50))])
    await first.round(NOW + timedelta(minutes=61))
    assert first.texts == ["[analytics] 95 is reached."]
    assert await _outcomes(first, 2) == {"slack": "expired"}


async def _outcomes(living: Life, deliveries: int) -> dict[str, str]:
    """Return what became of the alert "80" at each webhook, as it stands on Kafka after so many deliveries."""
    records = await read_records(living.kafka, living.topic, deliveries + 1)
    last = [AlertRecord.model_validate_json(one.value) for one in records if one.key == alert("80").key][-1]
    return {identity: delivery.outcome for identity, delivery in last.deliveries.items()}


async def test_a_record_of_our_own_that_comes_back_late_does_not_undo_a_delivery(first: Life) -> None:
    await first.outbox.add([alert("80")])
    await first.round(NOW)
    first.outbox.apply(alert("80").key, AlertRecord(alert=alert("80")).model_dump_json().encode())
    await first.round(NOW + timedelta(hours=1))
    assert len(first.server.received) == 1


async def test_a_level_of_a_quota_is_new_once_a_day_and_not_below_a_higher_one(first: Life) -> None:
    await first.outbox.add([alert("95")])
    assert [level for level in ("80", "95", "100") if first.outbox.is_new(alert(level))] == ["100"]
    assert first.outbox.is_new(alert("80", period="2026-02-01"))


async def test_a_burst_is_new_once_an_hour(first: Life) -> None:
    kind = AlertKind.DEAD_LETTERS
    await first.outbox.add([alert("schema_invalid", kind, period="2026-01-31T12:00Z")])
    later = [
        first.outbox.is_new(alert("schema_invalid", kind, NOW + timedelta(minutes=minutes), f"minute {minutes}"))
        for minutes in (1, 59, 60)
    ]
    assert later == [False, False, True]
    assert first.outbox.is_new(alert("too_large", kind, period="2026-01-31T12:00Z"))


async def test_old_alerts_are_forgotten_on_kafka_too(first: Life, kafka: KafkaSettings, server: WebhookServer) -> None:
    await first.outbox.add([alert("80"), alert("95", at=NOW + timedelta(hours=1))])
    await first.outbox.forget_old(NOW + KEEP + timedelta(minutes=1))
    async with life(kafka, server) as second:

        async def has_forgotten() -> bool:
            waiting = second.outbox.waiting_for("slack", NAMESPACE, NAMESPACE_KINDS)
            return [one.level for one in waiting] == ["95"]

        await wait_until_async(has_forgotten, DEADLINE_SECONDS, "the old alert to be forgotten")
