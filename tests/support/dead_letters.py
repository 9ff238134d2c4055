"""Dead letters for tests, written as agents write them: signed by the hub, on the dead-letter topic."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lineagehub_agents.delivery.dead_letters import DeadLetters
from lineagehub_agents.delivery.records import Partition, Record, Rejected

from lineagehub.auth.sealing import Sealer
from lineagehub.broker.producer import Producer
from lineagehub.contract.headers import ContentKind, Envelope
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import DEAD_LETTERS, OPENLINEAGE_EVENTS
from lineagehub.settings import KafkaSettings

AT_ONCE = 1_000
_offsets = itertools.count(1_000_000)


@dataclass(frozen=True)
class Died:
    """A record that an agent could not deliver. `namespace` None: nobody proved who wrote it."""

    value: bytes | None
    reason: Reason = Reason.STORE_REJECTED
    namespace: str | None = "demo"
    topic: str = OPENLINEAGE_EVENTS.name
    agent: str = "lineage-store"
    kind: str = ContentKind.OPENLINEAGE.value
    detail: str = "The store did not take it."
    key: bytes | None = b"run:etl/load"
    key_id: str = "Wr1terKy"
    event_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    offset: int = field(default_factory=lambda: next(_offsets))
    at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    @property
    def id(self) -> str:
        """Its letter's id."""
        return f"{self.topic}:0:{self.offset}@{self.at_ms}"

    @property
    def record(self) -> Record:
        """The record as it lay on Kafka."""
        envelope = Envelope(self.namespace or "demo", self.key_id, self.event_id, self.at_ms, self.kind)
        headers = envelope.to_headers(b"the tenant's key", self.topic, self.value or b"")
        return Record(Partition(self.topic, 0), self.offset, self.at_ms, self.key, self.value, tuple(headers))


async def write_letters(kafka: KafkaSettings, secret_key: str, died: Sequence[Died]) -> None:
    """Write their letters."""
    signing_key = Sealer(secret_key).hub_signing_key
    async with Producer(kafka) as producer:
        for start in range(0, len(died), AT_ONCE):
            await asyncio.gather(
                *(
                    DeadLetters(producer, DEAD_LETTERS.name, one.agent, signing_key).write(
                        one.record, Rejected(one.reason, one.detail, one.namespace)
                    )
                    for one in died[start : start + AT_ONCE]
                )
            )


def event(run_id: str, job: str) -> dict[str, Any]:
    """A valid event."""
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-31T12:00:00Z",
        "run": {"runId": run_id},
        "job": {"namespace": "redrive", "name": job},
        "inputs": [],
        "outputs": [],
        "producer": "https://example.com/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def good(run_id: str, job: str) -> Died:
    """A record that can be delivered now."""
    return Died(json.dumps(event(run_id, job)).encode())


def bad(job: str) -> Died:
    """A record that can never be."""
    return Died(json.dumps({"eventType": "START", "job": {"namespace": "redrive", "name": job}}).encode())
