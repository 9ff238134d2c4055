"""Metering on Kafka: deltas go to `lineagehub-usage-deltas`, what is over quota to `lineagehub-over-quota`. One a topic's Deliverer.

Only records that came straight to Kafka are diverted: what the web signed it let in, and nothing accepted is turned away later.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.broker.producer import Producer
from lineagehub.contract.over_quota import Origin, over_quota_headers
from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import DAY_MS, UsageDelta, day_of, encode
from lineagehub.quota.daily import DailyQuota
from lineagehub.telemetry.sparing import Sparing
from lineagehub_agents.delivery.checked_batch import LeftOut
from lineagehub_agents.delivery.metering import Diverts
from lineagehub_agents.delivery.records import CheckedRecord
from lineagehub_agents.delivery.side_by_side import all_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UsageTopics:
    """The broker's names of the topics that metering writes to."""

    deltas: str
    over_quota: str


class KafkaMetering:
    """See Metering."""

    def __init__(self, signal: Signal, producer: Producer, topics: UsageTopics, quota: DailyQuota, agent: str) -> None:
        self.signal = signal
        self.diverted_events = 0
        self._producer = producer
        self._topics = topics
        self._quota = quota
        self._agent = agent
        self._sparing = Sparing()

    @contextlib.contextmanager
    def gate(self, *, replayed: bool = False) -> Iterator[Diverts]:
        """See Metering."""
        let_in: defaultdict[tuple[str, str], int] = defaultdict(int)
        rooms: dict[tuple[str, int], float] = {}

        def diverts(checked: CheckedRecord) -> bool:
            if checked.envelope.key_id == HUB_KEY_ID:
                return False
            key = checked.envelope.namespace, checked.record.timestamp_ms // DAY_MS
            room = rooms.get(key)
            if room is None:
                known = self._quota.room(key[0], day_of(key[1] * DAY_MS))
                room = float("inf") if known is None else known
            if checked.rows > room and not replayed:
                rooms[key] = room
                return True
            rooms[key] = room - checked.rows
            day = day_of(key[1] * DAY_MS)
            self._quota.reserve(key[0], day, checked.rows)
            let_in[key[0], day] += checked.rows
            return False

        try:
            yield diverts
        finally:
            for (namespace, day), events in let_in.items():
                self._quota.release(namespace, day, events)

    async def divert(self, left: LeftOut) -> None:
        """See Metering."""
        record, namespace = left.record, left.namespace
        partition = record.partition
        origin = Origin(partition.topic, partition.number, record.offset, left.events, record.key or b"")
        headers = [*over_quota_headers(self._agent, origin), *record.headers[:64]]
        await self._producer.send(self._topics.over_quota, record.value, key=namespace.encode(), headers=headers)
        self.diverted_events += left.events
        unsaid = self._sparing.unsaid(namespace)
        if unsaid is not None:
            log.info(
                "A record is over quota.",
                namespace=namespace,
                partition=str(partition),
                offset=record.offset,
                unsaid=unsaid,
            )

    async def write(self, deltas: Sequence[UsageDelta]) -> None:
        """See Metering."""
        sends = [
            self._producer.send(self._topics.deltas, encode(delta), key=delta.namespace.encode()) for delta in deltas
        ]
        await (sends[0] if len(sends) == 1 else all_of(sends))
        for delta in deltas:
            self._quota.note_written(delta.namespace, delta.day, delta.place, delta.last, delta.counts.charged)
