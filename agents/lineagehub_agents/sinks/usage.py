"""UsageSink: the quota agent's table. Deltas in, absolute totals out, to the compacted topic that web and agents read whole.

The topic is the table: a total and how far it has counted are one record, acknowledged before the deltas' offsets are committed. After a
crash the deltas come again and are recognised. A partition's former owner may have written last, so whoever goes on where it did not
stop itself first reads the topic to its end. Not a Faust table (DECISIONS.md, usage): its recovery ends at the end offsets, which lag on
the embedded broker, it takes the last writer's word, also a zombie's, and no table can be written from `noack_take`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from lineagehub.broker.catching_up import catch_up
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.topics import USAGE
from lineagehub.contract.usage import UsageTotal, decode_delta, encode
from lineagehub.quota.daily import DayLimit
from lineagehub.quota.totalling import add_deltas, outdated
from lineagehub.quota.usage_book import UsageBook
from lineagehub.settings import KafkaSettings
from lineagehub_agents.delivery.records import Partition, SinkBatch

log = structlog.get_logger(__name__)


class UsageSink:
    """Adds deltas to totals."""

    maximum_records = 10_000
    is_eager = True

    def __init__(
        self,
        kafka: KafkaSettings,
        limit_of: Callable[[str], DayLimit],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.book = UsageBook()
        self._topic = kafka.topic_name(USAGE)
        self._producer = Producer(kafka)
        self._view = CompactedView(kafka, self._topic, self._apply)
        self._limit_of = limit_of
        self._now_ms = now_ms
        self._stopped_at: dict[Partition, int] = {}
        self._outwritten: set[bytes] = set()
        self._adding = asyncio.Lock()
        self._pruned_day = -1

    async def start(self) -> None:
        """See Sink."""
        await self._producer.start()
        await self._view.start()

    async def send(self, batch: SinkBatch) -> None:
        """See Sink. A namespace's deltas are on one partition, so nobody else adds to its totals meanwhile."""
        first, last = batch.records[0].record, batch.records[-1].record
        if self._stopped_at.pop(first.partition, None) != first.offset:
            await catch_up(self._view, self._producer, self._topic)
        async with self._adding:
            deltas = [decode_delta(checked.value) for checked in batch.records]
            changed = add_deltas(
                self.book, ((delta, self._limit_of(delta.namespace)) for delta in deltas), self._now_ms()
            )
            await self._write({key: self.book.total(key) for key in self._outwritten} | changed)
            await self._forget_old_days()
        self._stopped_at[first.partition] = last.offset + 1

    async def close(self) -> None:
        """See Sink."""
        await self._view.stop()
        await self._producer.stop()

    async def _write(self, changed: dict[bytes, UsageTotal | None]) -> None:
        outcomes = await asyncio.gather(
            *(
                self._producer.send(self._topic, encode(total) if total is not None else None, key=key)
                for key, total in changed.items()
            ),
            return_exceptions=True,
        )
        for (key, total), outcome in zip(changed.items(), outcomes, strict=True):
            if isinstance(outcome, BaseException):
                continue
            self.book.apply(key, encode(total) if total is not None else None)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _forget_old_days(self) -> None:
        now_ms = self._now_ms()
        day = now_ms // 86_400_000
        if day != self._pruned_day:
            await self._write(dict.fromkeys(outdated(self.book, now_ms)))
            self._pruned_day = day

    def _apply(self, key: bytes, value: bytes | None) -> None:
        if self.book.apply(key, value):
            self._outwritten.discard(key)
        else:
            # Compaction would leave the lesser total: the next batch writes the greater one again.
            self._outwritten.add(key)
