"""Retention of the rows that are stored already: brings their RetentionDays to what their namespace's record says now.

Agents stamp new rows; this is for the others. Called by `lineagehub retention`. Never deletes: ClickHouse does, by each table's TTL, and
what it has removed stays removed. A plain mutation is the way (DECISIONS.md, 2026-11-26): it recalculates the TTL of the parts that it
rewrites and removes what has expired in them; a lightweight update leaves the parts' TTL as it was.

Rows are looked for on the server that the client talks to; on a cluster the change itself goes to every shard.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.signals import Signal
from lineagehub.errors import LineageHubError
from lineagehub.store.client import ClickHouse

RETAINED_TABLES: dict[Signal, tuple[str, ...]] = {
    Signal.LINEAGE: (
        "lineage_events",
        "lineage_runs",
        "lineage_run_events",
        "lineage_run_facets",
        "lineage_run_children",
        "lineage_run_datasets",
        "lineage_run_dataset_facets",
        "lineage_jobs",
        "lineage_job_facets",
        "lineage_job_children",
        "lineage_job_runs",
        "lineage_datasets",
        "lineage_dataset_facets",
        "lineage_dataset_jobs",
        "lineage_dataset_versions",
        "lineage_schema_versions",
        "lineage_facet_versions",
        "lineage_column_edges",
        "lineage_column_outputs",
        "lineage_declared_edges",
        "lineage_symlinks",
    ),
    Signal.TRACES: ("otel_traces", "otel_traces_trace_id_ts"),
    Signal.METRICS: (
        "otel_metrics_gauge",
        "otel_metrics_sum",
        "otel_metrics_histogram",
        "otel_metrics_exponential_histogram",
        "otel_metrics_summary",
    ),
    Signal.LOGS: ("otel_logs",),
}
"""The tables that keep rows for a time, by the signal whose days are stamped on them. A test compares it with the schema."""

DEAD_LETTER_TABLES = ("dead_letters", "dead_letter_decisions")
"""Kept as they were stamped: a letter is of whatever signal its record was to be."""

NAMESPACES_AT_ONCE = 500
"""Namespaces in one statement: its parameters stand in the URL, and ClickHouse takes 1 MiB (http_max_uri_size)."""

POLL_SECONDS = 0.2

# One statement for many namespaces: each mutation rewrites the parts that it touches, and they hold the rows of all namespaces.
_WANTED_DAYS = "transform(Namespace, {namespaces:Array(String)}, {days:Array(UInt16)}, RetentionDays)"
_IS_OUTDATED = f"Namespace IN {{namespaces:Array(String)}} AND RetentionDays != {_WANTED_DAYS}"


@dataclass(frozen=True, slots=True)
class OutdatedRows:
    """Rows of one namespace in one table whose stamp is not what the namespace's record says."""

    signal: Signal
    table: str
    namespace: str
    rows: int


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A change of RetentionDays that ClickHouse has not finished. `failure` is why its last attempt failed, or empty."""

    table: str
    parts_left: int
    failure: str


async def find_outdated(clickhouse: ClickHouse, namespaces: Sequence[NamespaceRecord]) -> list[OutdatedRows]:
    """Return what differs from these records. Rows that a change under way will reach count as changed."""
    outdated: list[OutdatedRows] = []
    for signal, tables in RETAINED_TABLES.items():
        for some in _portions(namespaces):
            parameters = _days_by_namespace(some, signal)
            for table in tables:
                counts = await clickhouse.select(
                    f"SELECT Namespace AS namespace, count() AS n FROM {table} WHERE {_IS_OUTDATED}"  # noqa: S608 names of our own
                    " GROUP BY Namespace ORDER BY Namespace SETTINGS apply_mutations_on_fly = 1",
                    parameters,
                )
                outdated += [OutdatedRows(signal, table, str(row["namespace"]), int(row["n"])) for row in counts]
    return outdated


async def apply_retention(clickhouse: ClickHouse, namespaces: Sequence[NamespaceRecord]) -> list[OutdatedRows]:
    """Begin to bring stored rows to what these records say, and return those that differ; with none, nothing is begun.

    ClickHouse goes on by itself, also when the caller dies: `rewriting` tells what is left, `wait_rewritten` waits. May be
    repeated at any time. Rows that arrive with an older stamp afterwards are for the next call.
    """
    records = {record.name: record for record in namespaces}
    outdated = await find_outdated(clickhouse, list(records.values()))
    by_table: dict[tuple[Signal, str], list[NamespaceRecord]] = defaultdict(list)
    for found in outdated:
        by_table[found.signal, found.table].append(records[found.namespace])
    settings = clickhouse.settings
    for (signal, table), concerned in by_table.items():
        for some in _portions(concerned):
            await clickhouse.execute(
                f"ALTER TABLE {settings.database}.{table} {settings.on_cluster_clause}"
                f" UPDATE RetentionDays = {_WANTED_DAYS} WHERE {_IS_OUTDATED} SETTINGS mutations_sync = 0",
                _days_by_namespace(some, signal),
            )
    return outdated


async def rewriting(clickhouse: ClickHouse) -> list[Rewriting]:
    """Return the changes of RetentionDays that are under way on the server, of all namespaces."""
    tables = [table for tables in RETAINED_TABLES.values() for table in tables]
    rows = await clickhouse.select(
        "SELECT table, sum(parts_to_do) AS parts_left, max(latest_fail_reason) AS failure FROM system.mutations"
        " WHERE database = {database:String} AND table IN {tables:Array(String)} AND NOT is_done AND NOT is_killed"
        " AND command LIKE '%UPDATE RetentionDays = %' GROUP BY table ORDER BY table",
        {"database": clickhouse.settings.database, "tables": tables},
    )
    return [Rewriting(str(row["table"]), int(row["parts_left"]), str(row["failure"])) for row in rows]


async def wait_rewritten(clickhouse: ClickHouse, progress: Callable[[list[Rewriting]], None]) -> None:
    """Wait until no change of RetentionDays is under way; `progress` is told at each look what is left.

    Raises LineageHubError when ClickHouse says why it cannot, although it goes on trying.
    """
    while under_way := await rewriting(clickhouse):
        for one in under_way:
            if one.failure:
                raise LineageHubError(
                    f"ClickHouse cannot rewrite {one.table} and goes on trying (system.mutations): {one.failure[:300]}"
                )
        progress(under_way)
        await asyncio.sleep(POLL_SECONDS)


def _portions(namespaces: Sequence[NamespaceRecord]) -> list[Sequence[NamespaceRecord]]:
    return [namespaces[start : start + NAMESPACES_AT_ONCE] for start in range(0, len(namespaces), NAMESPACES_AT_ONCE)]


def _days_by_namespace(namespaces: Sequence[NamespaceRecord], signal: Signal) -> dict[str, list[str] | list[int]]:
    return {
        "namespaces": [record.name for record in namespaces],
        "days": [record.retention_days_of(signal) for record in namespaces],
    }
