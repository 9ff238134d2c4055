"""Repeats: how many events of a batch are new, asked of the real store; the others are counted as duplicates."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, SinkBatch
from lineagehub_agents.sinks.lineage.joined_counts import JoinedCounts
from lineagehub_agents.sinks.lineage.sink import LineageSink

from lineagehub.contract.headers import ContentKind, attempt_of
from lineagehub.contract.usage import DAY_MS, FirstCopies, NewEvents
from lineagehub.errors import Unavailable
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.deletion import delete_tenant
from lineagehub.store.metered_events import RECOGNISED_MS, StoredRange, count_new_events
from tests.support.clickhouse import start_migrated_clickhouse
from tests.support.delivery import checked

NOW_MS = time.time_ns() // 1_000_000
EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-18T10:00:00Z",
    "job": {"namespace": "repeats", "name": "job"},
    "producer": "https://example.com/test",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}


@pytest.fixture(scope="module")
async def settings(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClickHouseSettings]:
    """A store of this file's own."""
    with start_migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield ClickHouseSettings(url=server.url)


@pytest.fixture
async def sink(settings: ClickHouseSettings) -> AsyncIterator[LineageSink]:
    """A worker's sink that has just started."""
    sink = LineageSink(ClickHouse(settings))
    await sink.start()
    yield sink
    await sink.close()


def batch(
    ids: list[str], first: int = 0, partition: int = 0, namespace: str = "analytics", at_ms: int = NOW_MS
) -> list[CheckedRecord]:
    """Return records with these event ids."""
    value = json.dumps({**EVENT, "run": {"runId": str(uuid.uuid4())}}).encode()
    place = Partition("openlineage-events", partition)
    records = [Record(place, first + number, at_ms, None, value, ()) for number in range(len(ids))]
    return [checked(record, namespace, event_id) for record, event_id in zip(records, ids, strict=True)]


def ids(count: int) -> list[str]:
    """Return new event ids."""
    return [uuid.uuid4().hex for _ in range(count)]


async def new(sink: LineageSink, records: list[CheckedRecord], stored: bool = True) -> int:
    """Store a batch, and return how many of its events are new."""
    one = SinkBatch(
        f"{records[0].record.partition}:{records[0].record.offset}@{records[0].record.timestamp_ms}", tuple(records)
    )
    if stored:
        await sink.send(one)
    counted = await sink.count_new(one)
    size = records[0].record.size
    assert all(count.bytes == count.events * size for count in counted.values())
    return sum(count.events for count in counted.values())


async def test_what_is_stored_is_a_repeat_in_whatever_partition_and_in_whichever_life(
    sink: LineageSink, settings: ClickHouseSettings
) -> None:
    known, others = ids(5), ids(5)
    assert await new(sink, batch(known)) == 5
    mixed = [event for pair in zip(known, others, strict=True) for event in pair]
    fresh = LineageSink(ClickHouse(settings))
    await fresh.start()
    try:
        assert await new(fresh, batch(mixed, first=100, partition=1)) == 5
    finally:
        await fresh.close()


async def test_the_answer_stays_the_same_whatever_comes_later_and_however_it_is_merged(
    sink: LineageSink, settings: ClickHouseSettings
) -> None:
    events = ids(20)
    first, again = batch(events, first=1_000), batch(events[:10], first=1_020)
    assert (await new(sink, first), await new(sink, again)) == (20, 0)
    async with ClickHouse(settings) as clickhouse:
        for table in ("metered_events", "lineage_events"):
            await clickhouse.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert (await new(sink, first, stored=False), await new(sink, again, stored=False)) == (20, 0)
    assert (await new(sink, first), await new(sink, again)) == (20, 0), "delivered again, under the same tokens"


async def test_the_first_of_three_in_a_batch_is_new(sink: LineageSink) -> None:
    (event,) = ids(1)
    assert await new(sink, batch([event, event, event], first=2_007)) == 1


async def test_what_is_sent_again_from_the_dead_letters_is_counted_apart_and_only_its_first_copy(
    sink: LineageSink,
) -> None:
    known, died, written = ids(3), ids(4), ids(5)
    assert await new(sink, batch(known, first=2_100)) == 3
    records = batch([*written, *known, *died, *died[:2]], first=2_200)
    kind = attempt_of(ContentKind.OPENLINEAGE, 2)
    again = [replace(one, envelope=replace(one.envelope, content_kind=kind)) for one in records[5:]]
    one = SinkBatch("some of them re-driven", (*records[:5], *again))
    await sink.send(one)
    size = records[0].record.size
    assert list((await sink.count_new(one)).values()) == [NewEvents(events=5, bytes=5 * size, redriven=4)]


async def test_another_namespaces_event_of_the_same_id_is_no_repeat(sink: LineageSink) -> None:
    (event,) = ids(1)
    assert await new(sink, batch([event], first=3_000)) == 1
    assert await new(sink, batch([event], first=3_001, namespace="finance")) == 1


async def test_after_seven_days_an_event_is_new_again(sink: LineageSink) -> None:
    recent, old = ids(2)
    for event, first, later, expected in ((recent, 4_000, RECOGNISED_MS - 1, 0), (old, 4_100, RECOGNISED_MS + 1, 1)):
        assert await new(sink, batch([event], first, at_ms=NOW_MS - later)) == 1
        assert await new(sink, batch([event], first + 1)) == expected


async def test_a_batch_over_midnight_is_counted_by_day(sink: LineageSink) -> None:
    midnight_ms = NOW_MS // DAY_MS * DAY_MS
    records = [*batch(ids(3), 5_000, at_ms=midnight_ms - 1), *batch(ids(4), 5_003, at_ms=midnight_ms)]
    one = SinkBatch("over midnight", tuple(records))
    await sink.send(one)
    today = NOW_MS // DAY_MS
    size = records[0].record.size
    counted = await sink.count_new(one)
    assert {key: count.events for key, count in counted.items()} == {
        ("analytics", today - 1): 3,
        ("analytics", today): 4,
    }
    assert sum(count.bytes for count in counted.values()) == sum(one.record.size for one in records)
    assert size > 0


async def test_the_ids_of_a_deleted_tenant_are_gone(sink: LineageSink, settings: ClickHouseSettings) -> None:
    (event,) = ids(1)
    assert await new(sink, batch([event], first=6_000, namespace="leaving")) == 1
    async with ClickHouse(settings) as clickhouse:
        await delete_tenant(clickhouse, "leaving")
    assert await new(sink, batch([event], first=6_001, namespace="leaving")) == 1


async def test_batches_of_several_partitions_are_asked_about_at_once_and_each_hears_of_its_own(
    sink: LineageSink, settings: ClickHouseSettings
) -> None:
    known, fresh = ids(4), ids(9)
    assert await new(sink, batch(known, first=7_000)) == 4
    contents = [fresh[:2], fresh[2:5] + known[:1], known[1:], fresh[5:]]
    for partition, events in enumerate(contents):
        await new(sink, batch(events, first=7_100, partition=partition))
    asked: list[int] = []

    async def count(ranges: Sequence[StoredRange]) -> list[FirstCopies]:
        asked.append(len(ranges))
        async with ClickHouse(settings) as clickhouse:
            return await count_new_events(clickhouse, ranges)

    joined = JoinedCounts(count)
    ranges = [
        StoredRange("openlineage-events", partition, 7_100, 7_100 + len(events) - 1, NOW_MS, NOW_MS)
        for partition, events in enumerate(contents)
    ]
    answers = await asyncio.gather(*map(joined.count, ranges))
    assert [sum(count.events for count in answer.values()) for answer in answers] == [2, 3, 0, 4]
    assert asked == [4]


async def test_a_question_that_fails_fails_for_all_who_asked_it_and_the_next_is_asked_anew() -> None:
    failing = [True]

    async def count(ranges: Sequence[StoredRange]) -> list[FirstCopies]:
        if failing.pop():
            raise Unavailable("clickhouse", "It is away.", 1.0)
        return [{} for _ in ranges]

    joined = JoinedCounts(count)
    ranges = [StoredRange("events", number, 0, 1, NOW_MS, NOW_MS) for number in range(2)]
    outcomes = await asyncio.gather(*map(joined.count, ranges), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    failing.append(False)
    assert await joined.count(ranges[0]) == {}
