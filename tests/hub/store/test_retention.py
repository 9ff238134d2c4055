"""Retention of stored rows: each namespace's rows get its days, in every table, once; what expired goes, nobody else's does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.signals import Signal
from lineagehub.errors import LineageHubError
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LINEAGE_EVENTS_IN, encode_record, insert_settings
from lineagehub.store.retention import (
    NAMESPACES_AT_ONCE,
    RETAINED_TABLES,
    OutdatedRows,
    Rewriting,
    apply_retention,
    find_outdated,
    rewriting,
    wait_rewritten,
)
from tests.support.waiting import wait_until_async

TABLES = [(signal, table) for signal, tables in RETAINED_TABLES.items() for table in tables]
FIVE_DAYS_AGO = datetime.now(UTC) - timedelta(days=5)


def namespace(days: int, **signals: int) -> NamespaceRecord:
    """A namespace of this test's own."""
    record = new_namespace(f"kept-{uuid.uuid4().hex[:12]}")
    return changed_namespace(record, retention_days=days, signal_retention_days=signals)


async def store(
    clickhouse: ClickHouse, table: str, record: NamespaceRecord, days: int, received_at: datetime = FIVE_DAYS_AGO
) -> None:
    """Store a row as it came in at `received_at`, when the namespace's days were `days`."""
    await clickhouse.execute(
        f"INSERT INTO {table} (Namespace, ReceivedAt, RetentionDays)"
        " VALUES ({namespace:String}, fromUnixTimestamp64Milli({at:Int64}), {days:UInt16})",
        {"namespace": record.name, "at": round(received_at.timestamp() * 1000), "days": days},
    )


async def stored_days(clickhouse: ClickHouse, table: str, record: NamespaceRecord) -> list[int]:
    """Return the days that are stamped on the namespace's rows."""
    rows = await clickhouse.select(
        f"SELECT RetentionDays AS days FROM {table} WHERE Namespace = {{namespace:String}} ORDER BY days",
        {"namespace": record.name},
    )
    return [int(row["days"]) for row in rows]


async def mutations(clickhouse: ClickHouse, table: str) -> int:
    """Return how many changes the table has seen."""
    rows = await clickhouse.select(
        "SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND table = {table:String}",
        {"table": table},
    )
    return int(rows[0]["n"])


async def apply_and_wait(clickhouse: ClickHouse, *records: NamespaceRecord) -> list[OutdatedRows]:
    changed = await apply_retention(clickhouse, records)
    await wait_rewritten(clickhouse, lambda _: None)
    return changed


async def test_every_table_that_keeps_rows_for_a_time_belongs_to_one_signal(clickhouse: ClickHouse) -> None:
    rows = await clickhouse.select(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        " AND name NOT IN ('audit_log', 'dead_letters') AND name IN"
        " (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'RetentionDays')"
    )
    assert sorted(str(row["name"]) for row in rows) == sorted(table for _, table in TABLES)
    assert set(RETAINED_TABLES) == set(Signal)


@pytest.mark.parametrize(("signal", "table"), TABLES)
async def test_stored_rows_get_their_namespaces_days_and_go_when_those_are_over(
    clickhouse: ClickHouse, signal: Signal, table: str
) -> None:
    shortened, lengthened, other = namespace(90, **{signal: 2}), namespace(90), namespace(90)
    for record in (shortened, lengthened, other):
        await store(clickhouse, table, record, 30)
    before = await mutations(clickhouse, table)
    changed = await apply_and_wait(clickhouse, shortened, lengthened)
    assert {(one.signal, one.table, one.namespace, one.rows) for one in changed} == {
        (signal, table, shortened.name, 1),
        (signal, table, lengthened.name, 1),
    }
    assert await stored_days(clickhouse, table, shortened) == []
    assert await stored_days(clickhouse, table, lengthened) == [90]
    assert await stored_days(clickhouse, table, other) == [30]
    assert await mutations(clickhouse, table) == before + 1
    assert await apply_and_wait(clickhouse, shortened, lengthened) == []
    assert await mutations(clickhouse, table) == before + 1


@pytest.mark.parametrize("table", ["otel_traces", "lineage_events", "lineage_runs"])
async def test_after_a_change_the_merges_hold_to_the_new_days_row_by_row(clickhouse: ClickHouse, table: str) -> None:
    lengthened, expired = namespace(90), namespace(30)
    received_at = FIVE_DAYS_AGO - timedelta(days=40)
    await clickhouse.execute(f"SYSTEM STOP TTL MERGES {table}")
    try:
        await store(clickhouse, table, lengthened, 60, received_at)
        await apply_and_wait(clickhouse, lengthened)
        await store(clickhouse, table, expired, 30, received_at)
        assert await stored_days(clickhouse, table, expired) == [30]
    finally:
        await clickhouse.execute(f"SYSTEM START TTL MERGES {table}")
    await clickhouse.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert await stored_days(clickhouse, table, expired) == []
    assert await stored_days(clickhouse, table, lengthened) == [90]


async def test_an_aggregated_row_stays_shortened_until_an_older_stamp_arrives_and_then_again(
    clickhouse: ClickHouse,
) -> None:
    record = namespace(30, lineage=7)

    async def merged_days() -> list[int]:
        await clickhouse.execute("OPTIMIZE TABLE lineage_jobs FINAL")
        return await stored_days(clickhouse, "lineage_jobs", record)

    await store(clickhouse, "lineage_jobs", record, 30)
    await apply_and_wait(clickhouse, record)
    await store(clickhouse, "lineage_jobs", record, 7, datetime.now(UTC))
    assert await merged_days() == [7]
    await store(clickhouse, "lineage_jobs", record, 30, FIVE_DAYS_AGO + timedelta(days=1))
    assert await merged_days() == [30]
    assert await apply_and_wait(clickhouse, record) == [OutdatedRows(Signal.LINEAGE, "lineage_jobs", record.name, 1)]
    assert await merged_days() == [7]


async def test_a_batch_that_is_delivered_again_after_its_rows_expired_adds_nothing(clickhouse: ClickHouse) -> None:
    record, token = namespace(2), uuid.uuid4().hex
    event = {"eventTime": "2026-01-31T12:00:00Z", "eventType": "START", "run": {"runId": str(uuid.uuid4())}}

    async def deliver(days: int) -> None:
        row = encode_record(
            namespace=record.name,
            event_id="event-1",
            topic="openlineage-events",
            partition=0,
            offset=0,
            received_at_ms=round(FIVE_DAYS_AGO.timestamp() * 1000),
            retention_days=days,
            value=json.dumps(event).encode(),
        )
        await clickhouse.insert(LINEAGE_EVENTS_IN.name, "Protobuf", row, insert_settings(LINEAGE_EVENTS_IN, token))

    await deliver(30)
    assert await stored_days(clickhouse, "lineage_events", record) == [30]
    await apply_and_wait(clickhouse, record)
    await deliver(30)
    await deliver(90)
    assert await stored_days(clickhouse, "lineage_events", record) == []
    assert await stored_days(clickhouse, "lineage_runs", record) == []


async def test_a_change_under_way_is_told_and_not_begun_again(clickhouse: ClickHouse) -> None:
    record = namespace(60)
    await store(clickhouse, "otel_logs", record, 30)
    await clickhouse.execute("SYSTEM STOP MERGES otel_logs")
    try:
        assert len(await apply_retention(clickhouse, [record])) == 1
        (under_way,) = await rewriting(clickhouse)
        assert under_way.table == "otel_logs"
        assert under_way.parts_left >= 1
        assert await find_outdated(clickhouse, [record]) == []
        assert await apply_retention(clickhouse, [record]) == []
        assert await stored_days(clickhouse, "otel_logs", record) == [30]
    finally:
        await clickhouse.execute("SYSTEM START MERGES otel_logs")
    await wait_rewritten(clickhouse, lambda _: None)
    assert await stored_days(clickhouse, "otel_logs", record) == [60]


async def test_whoever_waits_is_told_what_is_left(clickhouse: ClickHouse) -> None:
    record = namespace(60)
    await store(clickhouse, "otel_logs", record, 30)
    await clickhouse.execute("SYSTEM STOP MERGES otel_logs")
    await apply_retention(clickhouse, [record])
    told: list[list[Rewriting]] = []

    class _Seen(Exception):
        pass

    def progress(under_way: list[Rewriting]) -> None:
        told.append(under_way)
        raise _Seen

    try:
        with pytest.raises(_Seen):
            await wait_rewritten(clickhouse, progress)
    finally:
        await clickhouse.execute("SYSTEM START MERGES otel_logs")
    assert [[one.table for one in under_way] for under_way in told] == [["otel_logs"]]
    await wait_rewritten(clickhouse, lambda _: None)


async def test_a_change_that_clickhouse_cannot_make_ends_the_waiting_with_its_reason(clickhouse: ClickHouse) -> None:
    record = namespace(60)
    await store(clickhouse, "otel_logs", record, 30)
    await clickhouse.execute(
        "ALTER TABLE otel_logs UPDATE RetentionDays = throwIf(Namespace = {namespace:String}, 'the disk is full')"
        " WHERE Namespace = {namespace:String} SETTINGS mutations_sync = 0",
        {"namespace": record.name},
    )
    try:

        async def has_failed() -> bool:
            return any(one.failure for one in await rewriting(clickhouse))

        await wait_until_async(has_failed, 20, "ClickHouse to fail")
        with pytest.raises(LineageHubError, match=r"cannot rewrite otel_logs.*the disk is full"):
            await wait_rewritten(clickhouse, lambda _: None)
    finally:
        await clickhouse.execute("KILL MUTATION WHERE table = 'otel_logs' AND command LIKE '%throwIf%' SYNC")


async def test_more_namespaces_than_one_statement_takes_are_all_looked_at(clickhouse: ClickHouse) -> None:
    many = [new_namespace(f"{'n' * 50}-{number:012}") for number in range(NAMESPACES_AT_ONCE + 1)]
    for record in (many[0], many[-1]):
        await store(clickhouse, "otel_traces", record, 90)
    changed = await apply_and_wait(clickhouse, *many)
    assert {one.namespace for one in changed} == {many[0].name, many[-1].name}
    for record in (many[0], many[-1]):
        assert await stored_days(clickhouse, "otel_traces", record) == [30]


async def test_without_namespaces_there_is_nothing_to_do(clickhouse: ClickHouse) -> None:
    assert await apply_retention(clickhouse, []) == []


async def test_on_a_cluster_the_change_is_for_every_shard(clickhouse: ClickHouse) -> None:
    statements: list[str] = []

    class _Told(ClickHouse):
        """The embedded engine has no cluster: what would be sent to one is read instead."""

        async def execute(
            self, sql: str, parameters: Mapping[str, Any] | None = None, database: str | None = None
        ) -> None:
            statements.append(sql)

    record = namespace(60)
    await store(clickhouse, "otel_logs", record, 30)
    settings = ClickHouseSettings(url=clickhouse.settings.url, on_cluster="main")
    async with _Told(settings) as told:
        await apply_retention(told, [record])
    assert [statement.split(" UPDATE ")[0] for statement in statements] == [
        "ALTER TABLE lineagehub.otel_logs ON CLUSTER 'main'"
    ]
