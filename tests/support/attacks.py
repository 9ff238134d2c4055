"""What the tests of attacks share: an event, a producer of one tenant, its signed headers, what is stored, and the honest flow."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from lineagehub.broker.connection import client_arguments
from lineagehub.contract.headers import ContentKind
from lineagehub.settings import KafkaSettings
from tests.support.secured_hub import SecuredHub
from tests.support.signing import Writer
from tests.support.waiting import wait_until

MEBIBYTE = 1 << 20
EVENTS, SPANS = "openlineage-events", "otel-spans"
ARRIVE_SECONDS = 30

Headers = list[tuple[str, Any]]
"""Values may be None: Kafka allows it."""


def event(job: str) -> bytes:
    """Return a valid event of a job."""
    return json.dumps(
        {
            "eventType": "COMPLETE",
            "eventTime": datetime.now(UTC).isoformat(),
            "run": {"runId": str(uuid.uuid4())},
            "job": {"namespace": "attacks", "name": job},
            "producer": "https://example.com/attacks",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
    ).encode()


def now_ms() -> int:
    """Return the time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def signed(writer: Writer, value: bytes, topic: str = EVENTS, namespace: str | None = None, age_ms: int = 0) -> Headers:
    """Return the headers of a record with an id of its own, signed `age_ms` ago."""
    event_id = uuid.uuid4().hex
    return list(writer.headers(topic, value, ContentKind.OPENLINEAGE, event_id, now_ms() - age_ms, namespace))


def producer(kafka: KafkaSettings, **options: Any) -> AIOKafkaProducer:
    """Return a producer, not yet started, that leaves every refusal to the broker."""
    return AIOKafkaProducer(**client_arguments(kafka), acks="all", max_request_size=100 * MEBIBYTE, **options)


def stored(hub: SecuredHub, job: str) -> int:
    """Return how many events of a job are stored. Not FINAL: what is doubled, and merged later, is seen, too."""
    return hub.hub.count("SELECT count() FROM lineage_events WHERE JobName = {job:String}", job=job)


def wait_stored_once(hub: SecuredHub, *jobs: str, count: int = 1) -> None:
    """Wait until each job has this many events."""
    for job in jobs:
        wait_until(lambda job=job: stored(hub, job) == count, ARRIVE_SECONDS, f"{job} to be stored once")  # type: ignore[misc] # mypy does not infer the default of a lambda.


async def assert_flows(hub: SecuredHub, job: str) -> None:
    """Write an honest record straight to Kafka, and see it stored, once."""
    value = event(job)
    async with producer(hub.honest.settings) as honest:
        await honest.send_and_wait(EVENTS, value, headers=signed(hub.honest.writer, value))
    await asyncio.to_thread(wait_stored_once, hub, job)


FORBIDDEN_WEBHOOKS = (
    # K01
    "http://127.0.0.1",
    "http://[::1]",
    "http://[::ffff:169.254.169.254]",
    "http://0x7f000001",
    "http://2130706433",
    "http://169.254.169.254",
    "http://10.0.0.1",
    "http://metadata.google.internal",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://localhost/",
    "https://hub.localhost/",
    "https://clickhouse/",
    "https://printer.local/",
    "https://127.0.0.1.",
    # K04
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "ftp://hooks.example.com/",
    "javascript:alert(1)",
    "https://user:pass@hooks.example.com/",
    "https://hooks.slack.com@169.254.169.254/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:8443/",
    "http://hooks.example.com/",
    "https://hooks.example.com/" + "a" * 10_240,
    # What two parsers could read in two ways.
    "https://hooks.slack.com\\@169.254.169.254/",
    "https://hooks.slack.com /",
    "https://hooks.slack.com/\r\nHost: other",
    " https://hooks.slack.com/",
    "https://hooks.example.com:0x1bb/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com/#fragment",
    "https://[::1",
    "https://①②⑦.⓪.⓪.①/",
    "https:///hook",
    "https://",
    "hooks.slack.com/services/x",
    "//hooks.slack.com/services/x",
    "https://-bad-.example.com/",
    "https://a..example.com/",
)
"""Where no webhook may lead: the rows K01 and K04 of the named bad inputs, and what is like them."""
