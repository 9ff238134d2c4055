"""Writes tenant records: signed by the hub in the caller's namespace, and acknowledged by all in-sync replicas."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.producer import Producer
from lineagehub.contract.headers import ContentKind, Envelope
from lineagehub.contract.topics import Topic
from lineagehub.errors import Permanent, Unavailable
from lineagehub.settings import KafkaSettings
from lineagehub.telemetry.metrics import Metrics
from lineagehub.web.daily_quota import QuotaDoor


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """What is to be written.

    `event_id` names the content, so that a repeat is recognised. No key: spread over the partitions. `digest` is
    SHA-256 of the value, where it is known already. `finding`: what the web has found out about the value and agents need not
    (FLAT or SOUND of contract/headers.py), or empty. `events`: how many of the quota it takes: an event, or the items of a request.
    """

    event_id: str
    value: bytes
    key: bytes | None = None
    digest: bytes | None = None
    finding: str = ""
    events: int = 1


class RecordWriter:
    """Writes records for all receivers. Safe to call concurrently."""

    def __init__(
        self, producer: Producer, sealer: Sealer, kafka: KafkaSettings, metrics: Metrics, door: QuotaDoor
    ) -> None:
        self._producer = producer
        self._signing_key = sealer.hub_signing_key
        self._kafka = kafka
        self._metrics = metrics
        self._door = door

    def require_room(self, namespace: str, events: int) -> None:
        """Raise Refused (429) when so many events do not fit into what is left of the namespace's day.

        For who writes to several topics; each write asks by itself.
        """
        self._door.require_room(namespace, events)

    async def write(self, topic: Topic, kind: ContentKind, namespace: str, record: TenantRecord) -> None:
        """Write one record and wait for its acknowledgement. Repeating it is harmless: the event id is the same.

        Raises Unavailable within the acknowledge timeout, Permanent(TOO_LARGE) when the topic does not take its size, Refused (429)
        over quota.
        """
        with self._door.let_in(namespace, record.events):
            await self._write(topic, kind, namespace, record)

    async def _write(self, topic: Topic, kind: ContentKind, namespace: str, record: TenantRecord) -> None:
        name = self._kafka.topic_name(topic)
        moment_ms = time.time_ns() // 1_000_000
        envelope = Envelope(namespace, HUB_KEY_ID, record.event_id, moment_ms, kind.value + record.finding)
        headers = envelope.to_headers(self._signing_key, name, record.value, record.digest)
        partition, offset = await self._producer.send(name, record.value, key=record.key, headers=headers)
        self._door.note_written(namespace, name, partition, offset, record.events)
        self._metrics.count_produced(topic.name, len(record.value))

    async def write_all(
        self, topic: Topic, kind: ContentKind, namespace: str, records: Sequence[TenantRecord]
    ) -> list[Permanent | None]:
        """Write records at once; return for each None, or why it can never be written.

        Waits for all, so none goes on after it. Raises the first Unavailable, if any: some of the records are then
        written, which is harmless, as the client sends all again.
        """
        permanent: list[Permanent | None] = []
        for outcome in await self.write_each(topic, kind, namespace, records):
            if isinstance(outcome, Unavailable):
                raise outcome
            permanent.append(outcome)
        return permanent

    async def write_each(
        self, topic: Topic, kind: ContentKind, namespace: str, records: Sequence[TenantRecord]
    ) -> list[Permanent | Unavailable | None]:
        """Write records at once; return for each None once it is acknowledged, or why it is not.

        Waits for all, so none goes on after it. One that is Unavailable may be written all the same: repeating is harmless.
        Raises Refused (429) over quota: then none is written.
        """
        with self._door.let_in(namespace, sum(record.events for record in records)):
            if len(records) == 1:
                return [await self._outcome(topic, kind, namespace, records[0])]
            return await asyncio.gather(*(self._outcome(topic, kind, namespace, record) for record in records))

    async def _outcome(
        self, topic: Topic, kind: ContentKind, namespace: str, record: TenantRecord
    ) -> Permanent | Unavailable | None:
        try:
            await self._write(topic, kind, namespace, record)
        except (Permanent, Unavailable) as error:
            return error
        return None


RECORDS = web.AppKey("records", RecordWriter)
