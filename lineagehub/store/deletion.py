"""Deletes a dataset, a job or an OpenLineage namespace of one tenant, or all that a tenant has.

Gone from reads when a call returns; ClickHouse then rewrites the parts by itself, and the rows are gone from disk (DECISIONS.md,
2026-11-26). May be repeated, also after a crash in the middle: what names the thing goes last, so the rest is found again. Events that
are not stored yet are the caller's to wait for (management/lineage_deletion.py). Never touches another tenant's rows.

A run belongs to the jobs that its events name, and goes with each of them. A dataset goes under all of its names, and with an OpenLineage
namespace go the datasets that have a name in it. What others said and only mentions the deleted thing stays as it was sent: raw
RunEvents and JobEvents of other jobs, and the JSON of others' facets.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lineagehub.store.client import ClickHouse, Values
from lineagehub.store.deletion_places import JOB, LAST, MENTIONS, PLACES, Place
from lineagehub.store.queries.aliases import Name, read_aliases
from lineagehub.store.queries.links import chunks, names_of
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH, Node, NodeId
from lineagehub.store.retention import DEAD_LETTER_TABLES, RETAINED_TABLES

Kind = Literal["dataset", "job", "namespace"]
Progress = Callable[[str], None]
"""Is told the table whose rows are being deleted."""


_COUNTED = {
    "runs": ("lineage_job_runs", "uniqExactIf(RunId, RunId != '')"),
    "jobs": ("lineage_jobs", "uniqExact(JobNamespace, JobName)"),
    "datasets": ("lineage_datasets", "uniqExact(DatasetNamespace, DatasetName)"),
    "events": ("lineage_events", "uniqExact(EventTime, EventId)"),
}
_SPLITS = (
    "SELECT DISTINCT {kind}Namespace AS namespace, {kind}Name AS name FROM read_lineage_{kinds}(ns = {{ns:String}})"
    " WHERE {kind}Namespace IN {{namespaces:Array(String)}} AND {kind}Name IN {{names:Array(String)}}"
    " AND has(arrayZip({{namespaces:Array(String)}}, {{names:Array(String)}}), (toString(namespace), name))"
    " ORDER BY namespace LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What to delete, as it was asked for: a node id's text after its kind, which may mean several (namespace, name)."""

    kind: Kind
    candidates: tuple[Name, ...]

    @classmethod
    def parse(cls, node_id: str) -> Target:
        """Return what a node id means, or `namespace:{namespace}`. Raises ValueError with a sentence that says how one looks."""
        kind, _, namespace = node_id.partition(":")
        if kind == "namespace" and namespace and len(node_id) <= MAXIMUM_LENGTH:
            return cls("namespace", ((namespace, ""),))
        try:
            parsed = NodeId.parse(node_id)
        except ValueError as error:
            raise ValueError(
                "nodeId must be job:{namespace}:{name}, dataset:{namespace}:{name} or namespace:{namespace}."
            ) from error
        return cls(parsed.kind, tuple((node.namespace, node.name) for node in parsed.nodes()))


@dataclass(frozen=True, slots=True)
class _Selection:
    """Rows that one statement a table can select: a job's, an OpenLineage namespace's, or those of some names of datasets."""

    kind: Kind
    parameters: Values


@dataclass(frozen=True, slots=True)
class Found:
    """What a tenant has of a target. `rows` by table; `counts`: runs, jobs, datasets (each name is one) and events."""

    tenant: str
    kind: Kind
    namespace: str
    name: str
    selections: tuple[_Selection, ...]
    rows: dict[str, int]
    mentions: dict[str, int]
    counts: dict[str, int]

    @property
    def node_id(self) -> str:
        """The node id, `namespace:{namespace}` for a namespace."""
        return f"{self.kind}:{self.namespace}" + (f":{self.name}" if self.kind != "namespace" else "")


async def find(clickhouse: ClickHouse, tenant: str, target: Target) -> Found | None:
    """Return what the tenant has of a target, or None if it has nothing that names it."""
    candidates = target.candidates
    if len(candidates) > 1 and (named := await _named(clickhouse, tenant, target)):
        candidates = (named,)
    for namespace, name in candidates:
        selections = await _selections(clickhouse, tenant, target.kind, namespace, name)
        numbers: Counter[str] = Counter()
        for selection in selections:
            numbers.update(await _count(clickhouse, tenant, selection))
        rows = {table: numbers[table] for table in PLACES if numbers[table]}
        mentions = {table: number for table in MENTIONS if (number := numbers[f"mentions in {table}"])}
        if rows or mentions:
            counts = {what: numbers[what] for what in _COUNTED}
            return Found(tenant, target.kind, namespace, name, tuple(selections), rows, mentions, counts)
    return None


async def delete(clickhouse: ClickHouse, found: Found, progress: Progress = lambda _: None) -> None:
    """Delete what was found. Reads do not show it any more when this returns; its rows leave the disk soon after.

    Raises Unavailable when ClickHouse takes longer than its timeout or goes away: some rows may be gone then, and repeating `find` and
    this does the rest.
    """
    late = {table for group in LAST for table in group}
    statements = [
        _forget(clickhouse, found.tenant, selection, table)
        for table in found.mentions
        for selection in found.selections
    ]
    for group in (tuple(table for table in PLACES if table not in late), *LAST):
        statements += [
            _delete_found(clickhouse, found, selection, table, progress)
            for table in group
            if table in found.rows
            for selection in found.selections
        ]
        await _all(statements)
        statements = []
    await _free_disk(clickhouse, found.rows)


async def delete_tenant(clickhouse: ClickHouse, tenant: str, progress: Progress = lambda _: None) -> dict[str, int]:
    """Delete all lineage, telemetry and dead letters of a tenant; return how many rows of which table. May be repeated; see `delete`."""
    # Without the ids, too: what a new namespace of this name sends is no repeat of what is gone.
    stored = [table for tables in RETAINED_TABLES.values() for table in tables]
    tables = [*stored, *DEAD_LETTER_TABLES, "metered_events"]
    counts = await clickhouse.select(
        " UNION ALL ".join(
            f"SELECT '{table}' AS what, count() AS n FROM {table} WHERE Namespace = {{ns:String}}"  # noqa: S608 names of our own
            for table in tables
        ),
        {"ns": tenant},
    )
    rows = {str(row["what"]): int(row["n"]) for row in counts if row["n"]}
    await _all([_delete_rows(clickhouse, table, "Namespace = {ns:String}", {"ns": tenant}, progress) for table in rows])
    await _free_disk(clickhouse, rows)
    return rows


async def _named(clickhouse: ClickHouse, tenant: str, target: Target) -> Name | None:
    """Return the candidate that an event has named as a job or dataset."""
    kind = target.kind.capitalize()
    rows = await clickhouse.select(
        _SPLITS.format(kind=kind, kinds=f"{target.kind}s"),
        {"ns": tenant, **_zipped(target.candidates)},
    )
    return (rows[0]["namespace"], rows[0]["name"]) if rows else None


async def _selections(
    clickhouse: ClickHouse, tenant: str, kind: Kind, namespace: str, name: str
) -> Sequence[_Selection]:
    if kind == "job":
        return [_Selection("job", {"namespace": namespace, "name": name})]
    aliases = await read_aliases(clickhouse, tenant)
    if kind == "dataset":
        return _of_names(aliases.names_of((namespace, name)))
    elsewhere = [
        other
        for names in aliases.members.values()
        if any(one[0] == namespace for one in names)
        for other in names
        if other[0] != namespace
    ]
    return [*_of_names(elsewhere), _Selection("namespace", {"namespace": namespace})]


def _of_names(names: Iterable[Name]) -> list[_Selection]:
    return [_Selection("dataset", names_of(chunk)) for chunk in chunks(Node("dataset", *name) for name in names)]


def _zipped(names: Sequence[Name]) -> Values:
    return {"namespaces": [name[0] for name in names], "names": [name[1] for name in names]}


async def _count(clickhouse: ClickHouse, tenant: str, selection: _Selection) -> dict[str, int]:
    """Return the rows by table, the mentions, and the counts of _COUNTED, in one query."""
    conditions = {table: _condition(clickhouse, places, selection) for table, places in PLACES.items()}
    wanted = [(table, table, "count()", condition) for table, condition in conditions.items()]
    wanted += [(what, table, number, conditions[table]) for what, (table, number) in _COUNTED.items()]
    wanted += [(f"mentions in {table}", table, "count()", _mentions(table, selection)) for table in MENTIONS]
    rows = await clickhouse.select(
        " UNION ALL ".join(
            f"SELECT '{what}' AS what, {number} AS n FROM {table} WHERE Namespace = {{ns:String}} AND ({condition})"  # noqa: S608 names of our own
            for what, table, number, condition in wanted
            if condition
        ),
        {"ns": tenant, **selection.parameters},
    )
    return {str(row["what"]): int(row["n"]) for row in rows}


def _condition(clickhouse: ClickHouse, places: Iterable[Place], selection: _Selection) -> str:
    """Return the condition on a table's rows; empty where the table cannot name what is selected."""
    conditions = []
    for place in places:
        if place.kind == "run":
            jobs = _is_selected("job", JOB.columns, selection)
            condition = jobs and (
                f"{place.columns[0]} IN (SELECT RunId FROM {clickhouse.settings.database}.lineage_job_runs"  # noqa: S608 names of our own
                f" WHERE Namespace = {{ns:String}} AND RunId != '' AND {jobs})"
            )
        else:
            condition = _is_selected(place.kind, place.columns, selection)
        if condition:
            conditions.append(f"({place.only} AND {condition})" if place.only else f"({condition})")
    return " OR ".join(conditions)


def _is_selected(kind: Literal["job", "dataset"], columns: Sequence[str], selection: _Selection) -> str:
    namespace, name = columns
    if selection.kind == "namespace":
        return f"{namespace} = {{namespace:String}}"
    if selection.kind != kind:
        return ""
    if kind == "job":
        return f"{namespace} = {{namespace:String}} AND {name} = {{name:String}}"
    # No subquery: a mutation has its own rules for them. The first two conditions can use the sort key, the third is exact.
    return (
        f"{namespace} IN {{namespaces:Array(String)}} AND {name} IN {{names:Array(String)}}"
        f" AND has(arrayZip({{namespaces:Array(String)}}, {{names:Array(String)}}), (toString({namespace}), toString({name})))"
    )


def _mentions(table: str, selection: _Selection) -> str:
    found = [_is_mentioned(column, members, selection) for column, members in MENTIONS[table].items()]
    return " OR ".join(f"({one})" for one in found if one)


def _is_mentioned(column: str, members: tuple[int, int], selection: _Selection) -> str:
    return _is_selected("job", [f"{column}.{member}" for member in members], selection)


async def _forget(clickhouse: ClickHouse, tenant: str, selection: _Selection, table: str) -> None:
    condition = _mentions(table, selection)
    if not condition:
        return
    changes = ", ".join(
        f"{column} = if({_is_mentioned(column, members, selection)}, ({column}.1, '', '', ''), {column})"
        for column, members in MENTIONS[table].items()
    )
    await clickhouse.execute(
        f"ALTER TABLE {_on_cluster(clickhouse, table)} UPDATE {changes} WHERE Namespace = {{ns:String}} AND ({condition})"
        " SETTINGS mutations_sync = 2",
        {"ns": tenant, **selection.parameters},
    )


async def _delete_found(
    clickhouse: ClickHouse, found: Found, selection: _Selection, table: str, progress: Progress
) -> None:
    if condition := _condition(clickhouse, PLACES[table], selection):
        parameters = {"ns": found.tenant, **selection.parameters}
        await _delete_rows(clickhouse, table, f"Namespace = {{ns:String}} AND ({condition})", parameters, progress)


async def _delete_rows(
    clickhouse: ClickHouse, table: str, condition: str, parameters: Values, progress: Progress
) -> None:
    progress(table)
    # A replica evaluates the subquery for itself, which counts as nondeterministic; all rows of one event are on the same shard.
    await clickhouse.execute(
        f"DELETE FROM {_on_cluster(clickhouse, table)} WHERE {condition}"  # noqa: S608 names of our own
        " SETTINGS lightweight_deletes_sync = 2, allow_nondeterministic_mutations = 1",
        parameters,
    )


async def _free_disk(clickhouse: ClickHouse, tables: Iterable[str]) -> None:
    """Have the masked rows of these tables removed, in the background."""
    for table in sorted(tables):
        await clickhouse.execute(
            f"ALTER TABLE {_on_cluster(clickhouse, table)} APPLY DELETED MASK SETTINGS mutations_sync = 0"
        )


def _on_cluster(clickhouse: ClickHouse, table: str) -> str:
    return f"{clickhouse.settings.database}.{table} {clickhouse.settings.on_cluster_clause}"


async def _all(statements: Sequence[Coroutine[None, None, None]]) -> None:
    """Run statements at once, each to its end, and raise the first failure.

    One table after the other would wait at each for a merge that has its parts, up to a second: 11 s at worst, and 4 s so.
    """
    for result in await asyncio.gather(*statements, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
