"""A namespace of a test's own on a running hub, and what it is charged: so its usage is exact, whoever else uses the hub."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.settings import KafkaSettings
from tests.support.attacks import Headers, producer
from tests.support.hub import Answer, Hub
from tests.support.signing import Writer
from tests.support.waiting import wait_until

COUNTED_SECONDS = 60
TOPIC = OPENLINEAGE_EVENTS.name
JSON = {"Content-Type": "application/json"}
NAMES = ("received", "stored", "duplicate", "dead_lettered", "over_quota")


@dataclass(frozen=True)
class ChargedTenant:
    """A namespace with a writer's and a reader's key."""

    hub: Hub
    name: str
    writer_key: str
    reader_key: str

    @classmethod
    def on(cls, hub: Hub) -> ChargedTenant:
        """Make a namespace on a hub, as its operator does."""
        name = f"charged-{uuid.uuid4().hex[:8]}"
        _create(hub, "", {"name": name})
        keys = [_create(hub, f"/{name}/keys", {"role": role})["key"] for role in ("writer", "reader")]
        return cls(hub, name, *keys)

    def post(self, document: Any) -> Answer:
        """Send a batch, in the hub's envelope."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.hub.request("POST", "/api/v1/lineage/ingest", body, JSON, self.writer_key)

    def signed(self, value: bytes, event_id: str = "") -> tuple[bytes, Headers]:
        """Return a record as its writer makes it."""
        key = parse_api_key(self.writer_key)
        assert key is not None
        now_ms = time.time_ns() // 1_000_000
        headers = Writer.of_key(self.name, key).headers(
            TOPIC, value, ContentKind.OPENLINEAGE, event_id or uuid.uuid4().hex, now_ms
        )
        return value, list(headers)

    def produce(self, records: Sequence[tuple[bytes, Headers]], timestamp_ms: int | None = None) -> None:
        """Write records straight to Kafka, under a timestamp of the producer's choice."""

        async def write() -> None:
            kafka = KafkaSettings(brokers=self.hub.ready["kafka"], idempotent=False)
            async with producer(kafka) as writing:
                for value, headers in records:
                    await writing.send_and_wait(TOPIC, value, headers=headers, timestamp_ms=timestamp_ms)

        asyncio.run(write())

    def usage_by_day(self) -> dict[date, dict[str, int]]:
        """Return the counts of lineage of each day that `/usage` tells of."""
        path = f"/api/v1/namespaces/{self.name}/usage?from={datetime.now(UTC).date() - timedelta(days=30)}"
        answer = self.hub.request("GET", path, key=self.reader_key)
        assert answer.status == 200, answer.body
        return {
            date.fromisoformat(day["day"]): {name: day["signals"]["lineage"][name] for name in NAMES}
            for day in answer.json()["days"]
            if "lineage" in day["signals"]
        }

    def usage(self, received: int) -> dict[str, int]:
        """Return the counts of all days, once so many events have been received."""

        def sums() -> dict[str, int]:
            return {name: sum(day[name] for day in self.usage_by_day().values()) for name in NAMES}

        wait_until(lambda: sums()["received"] >= received, COUNTED_SECONDS, f"{received} events to be counted")
        return sums()

    def shown(self) -> int:
        """Return how many events its readers see."""
        answer = self.hub.request("GET", "/api/v1/events/lineage", key=self.reader_key)
        assert answer.status == 200, answer.body
        return len(answer.json()["events"])


def counts(**given: int) -> dict[str, int]:
    """Return counts that are 0 but for these, which add up."""
    return dict.fromkeys(NAMES, 0) | given | {"received": sum(given.values())}


def _create(hub: Hub, path: str, document: dict[str, str]) -> dict[str, Any]:
    body, operator = json.dumps(document).encode(), str(hub.ready["operator_key"])
    answer = hub.request("POST", f"/api/v1/namespaces{path}", body, JSON, operator)
    assert answer.status == 201, answer.body
    created: dict[str, Any] = answer.json()
    return created
