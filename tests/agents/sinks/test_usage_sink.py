"""The quota agent's table: whoever comes after a crash goes on where the topic says, and not where the former owner thought it was."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from lineagehub_agents.delivery.records import Partition, SinkBatch
from lineagehub_agents.sinks.usage import UsageSink

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import USAGE
from lineagehub.contract.usage import DAY_MS, Counts, UsageDelta, Verdict, day_of, encode, usage_key
from lineagehub.quota.daily import DayLimit
from lineagehub.quota.usage_book import UsageBook
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, start_embedded_broker
from tests.support.delivery import checked, record
from tests.support.records import read_records
from tests.support.waiting import wait_until_async

NOW_MS = time.time_ns() // 1_000_000
TODAY = day_of(NOW_MS)
DELTAS = Partition("lineagehub-usage-deltas", 0)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker of this file's own."""
    with start_embedded_broker() as running:
        yield running


@pytest.fixture(scope="module")
async def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    """Where the topic is."""
    settings = broker.settings()
    await apply_topics(settings, [USAGE])
    return settings


@contextlib.asynccontextmanager
async def worker(kafka: KafkaSettings, now_ms: Callable[[], int] = lambda: NOW_MS) -> AsyncIterator[UsageSink]:
    """One life of the quota agent's sink."""
    sink = UsageSink(kafka, lambda _: DayLimit(100, 100), now_ms)
    await sink.start()
    try:
        yield sink
    finally:
        await sink.close()


def batch(namespace: str, *offsets: int, stored: int = 10, day: str = TODAY) -> SinkBatch:
    """Return deltas at these offsets of the topic of deltas; each is of ten offsets of a topic of events."""
    deltas = [
        UsageDelta(namespace, day, Signal.LINEAGE, "events", 0, at * 10, at * 10 + 9, NOW_MS, Counts(stored=stored))
        for at in offsets
    ]
    records = [
        checked(record(DELTAS, offset, encode(delta)), namespace) for offset, delta in zip(offsets, deltas, strict=True)
    ]
    return SinkBatch(f"{namespace} {offsets}", tuple(records))


async def on_the_topic(kafka: KafkaSettings) -> UsageBook:
    """Return what a web that starts now knows."""
    book = UsageBook()
    for one in await read_records(kafka, USAGE.name, 1):
        book.apply(one.key, one.value)
    return book


async def test_a_batch_that_was_written_and_not_committed_is_recognised_by_the_next_worker(
    kafka: KafkaSettings,
) -> None:
    async with worker(kafka) as killed:
        await killed.send(batch("crash", 0, 1, 2))
    async with worker(kafka) as next_:
        await next_.send(batch("crash", 0, 1, 2))
        await next_.send(batch("crash", 3))
        await next_.send(batch("crash", 3))
    assert (await on_the_topic(kafka)).used("crash", TODAY) == 40


async def test_a_worker_that_gets_a_partition_back_learns_what_another_counted_meanwhile(kafka: KafkaSettings) -> None:
    async with worker(kafka) as first, worker(kafka) as second:
        await first.send(batch("back", 0, 1))
        await second.send(batch("back", 2, 3))
        await first.send(batch("back", 4))
    assert (await on_the_topic(kafka)).used("back", TODAY) == 50


async def test_what_a_zombie_writes_is_not_in_force_and_is_written_over(kafka: KafkaSettings) -> None:
    async with worker(kafka) as zombie, worker(kafka) as owner:
        await zombie.send(batch("zombie", 0))
        stale = zombie.book.total(usage_key("zombie", TODAY, Signal.LINEAGE))
        assert stale is not None
        await owner.send(batch("zombie", 0, 1, 2))
        await owner._producer.send(USAGE.name, encode(stale), key=stale.key)

        async def is_seen() -> bool:
            return stale.key in owner._outwritten

        await wait_until_async(is_seen, 20, "the owner to see the stale total")
        await owner.send(batch("others", 3))
    last = [one for one in await read_records(kafka, USAGE.name, 1) if one.key == stale.key][-1]
    book = UsageBook()
    assert book.apply(last.key, last.value), "compaction may leave the last one alone"
    assert book.used("zombie", TODAY) == 30


async def test_levels_are_told_with_the_totals(kafka: KafkaSettings) -> None:
    async with worker(kafka) as sink:
        for offset, verdict in ((0, Verdict.WITHIN), (1, Verdict.AT_80), (2, Verdict.OVER)):
            await sink.send(batch("levels", offset, stored=40))
            total = (await on_the_topic(kafka)).of_day("levels", TODAY)[Signal.LINEAGE]
            assert (total.verdict, total.limit, total.as_of) == (verdict, 100, NOW_MS)


async def test_midnight_begins_a_new_day_and_old_days_go_from_the_topic(kafka: KafkaSettings) -> None:
    now_ms = NOW_MS
    async with worker(kafka, lambda: now_ms) as sink:
        await sink.send(batch("midnight", 0))
        now_ms += DAY_MS
        tomorrow = day_of(now_ms)
        await sink.send(batch("midnight", 1, day=tomorrow))
        book = await on_the_topic(kafka)
        assert (book.used("midnight", TODAY), book.used("midnight", tomorrow)) == (10, 10)
        now_ms += 34 * DAY_MS
        await sink.send(batch("midnight", 2, day=tomorrow))
        book = await on_the_topic(kafka)
        assert (book.used("midnight", TODAY), book.used("midnight", tomorrow)) == (0, 20)
        await sink.send(batch("midnight", 3))
        assert (await on_the_topic(kafka)).used("midnight", TODAY) == 0, "a delta that is too late begins no day anew"
