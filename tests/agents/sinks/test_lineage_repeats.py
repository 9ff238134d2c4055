"""Repeats: which events of a batch are counted as duplicates, asked of the real store."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator

import pytest
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, SinkBatch
from lineagehub_agents.sinks.lineage.repeats import RECOGNISED_MS
from lineagehub_agents.sinks.lineage.sink import LineageSink

from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.deletion import delete_tenant
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


async def store(sink: LineageSink, records: list[CheckedRecord]) -> None:
    """Store a batch."""
    await sink.send(SinkBatch(uuid.uuid4().hex, tuple(records)))


async def test_what_is_stored_is_a_repeat_also_for_a_worker_that_has_just_started(
    sink: LineageSink, settings: ClickHouseSettings
) -> None:
    known, new = ids(5), ids(5)
    assert await sink.repeats_among(batch(known)) == frozenset()
    await store(sink, batch(known))
    fresh = LineageSink(ClickHouse(settings))
    await fresh.start()
    try:
        mixed = [event for pair in zip(known, new, strict=True) for event in pair]
        assert await fresh.repeats_among(batch(mixed, first=100)) == {100, 102, 104, 106, 108}
    finally:
        await fresh.close()


async def test_the_first_of_two_in_a_batch_is_new_and_the_second_a_repeat(sink: LineageSink) -> None:
    (event,) = ids(1)
    assert await sink.repeats_among(batch([event, event, event], first=7)) == {8, 9}


async def test_what_another_partition_is_about_to_store_is_a_repeat_and_what_is_read_again_is_none(
    sink: LineageSink,
) -> None:
    (event,) = ids(1)
    assert await sink.repeats_among(batch([event], partition=1)) == frozenset()
    assert await sink.repeats_among(batch([event], partition=2, first=40)) == {40}
    assert await sink.repeats_among(batch([event], partition=1)) == frozenset()


async def test_another_namespaces_event_of_the_same_id_is_no_repeat(sink: LineageSink) -> None:
    (event,) = ids(1)
    await store(sink, batch([event]))
    assert await sink.repeats_among(batch([event], namespace="finance")) == frozenset()


async def test_after_seven_days_an_event_is_new_again(sink: LineageSink) -> None:
    (event,) = ids(1)
    await store(sink, batch([event]))
    for later, repeats in ((RECOGNISED_MS - 1, {9}), (RECOGNISED_MS + 1, set())):
        assert await sink.repeats_among(batch([event], first=9, at_ms=NOW_MS + later)) == repeats


async def test_more_ids_than_one_statement_takes_are_all_asked_for(sink: LineageSink) -> None:
    many = ids(7_000)
    await store(sink, batch(many[::2]))
    assert await sink.repeats_among(batch(many)) == set(range(0, 7_000, 2))


async def test_the_ids_of_a_deleted_tenant_are_gone(sink: LineageSink, settings: ClickHouseSettings) -> None:
    (event,) = ids(1)
    await store(sink, batch([event], namespace="leaving"))
    async with ClickHouse(settings) as clickhouse:
        await delete_tenant(clickhouse, "leaving")
    assert await sink.repeats_among(batch([event], first=9, namespace="leaving")) == frozenset()


async def test_the_question_reads_a_few_granules_and_not_the_table(
    sink: LineageSink, settings: ClickHouseSettings
) -> None:
    await store(sink, batch(ids(6_000), namespace="granules"))
    async with ClickHouse(settings) as clickhouse:
        rows = await clickhouse.select(
            "EXPLAIN indexes = 1 SELECT EventId FROM metered_events WHERE (Namespace, EventId) IN"
            " (SELECT pair.1, pair.2 FROM (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {ids:Array(String)})) AS pair))",
            {"namespaces": ["granules"], "ids": ids(1)},
        )
    granules = [str(row["explain"]).split()[-1] for row in rows if "Granules" in str(row["explain"])]
    read, of = map(int, granules[-1].split("/"))
    assert read <= 3 < 20 < of or read == 0
