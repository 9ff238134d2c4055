"""The links of the lineage graph: which datasets a job reads and writes, now or as of a time, and what `lineage` facets declare.

A job's links are those of its latest run that named a dataset, of its latest such run that completed, and of its latest JobEvent that
named a dataset. So a run that fails empty, one that has only named its inputs yet, and one that never ends remove nothing, and a dataset
that the job no longer touches goes with the next run that completes. Latest is by event time. As of a time, the same holds for the
events up to it.

A namespace is read whole when it is small, which is one query whatever the depth; a larger one level by level.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases
from lineagehub.store.queries.node_ids import Node

MAXIMUM_WHOLE_EDGES = 200_000
MAXIMUM_WHOLE_ROWS = 2_000_000
"""A namespace with at most this many distinct edges, and rows of edges by event, is read whole."""
CHUNK, CHUNK_LENGTH = 400, 16_000
"""Nodes asked for in one query, and the characters of their names: they travel in the URL."""

Link = tuple[Node, Node]
"""(origin, destination), in the direction of the data."""
Parameters = dict[str, str | int | Sequence[str]]

AS_OF = "parseDateTime64BestEffort({as_of:String}, 6, 'UTC')"
ONE_THREAD = "SETTINGS max_threads = 1"
"""For queries that run beside others: a graph of 4,102 nodes costs ClickHouse 200 ms of CPU with one thread a query, 264 with two."""
IN_JOBS = "(JobNamespace, JobName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
IN_DATASETS = (
    "(DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
)
SPLITS = (
    "SELECT arrayJoin(arrayMap(place -> (arrayStringConcat(arraySlice(parts, 1, place), ':'),"
    " arrayStringConcat(arraySlice(parts, place + 1), ':')), range(1, length(parts))))"
    " FROM (SELECT splitByChar(':', {joined:String}) AS parts)"
)
"""Every way to split a node id's text into (namespace, name)."""

_SIZE = (
    "SELECT (SELECT count() FROM read_lineage_dataset_jobs(ns = {ns:String})) AS edges,"
    " (SELECT count() FROM read_lineage_run_datasets(ns = {ns:String})) AS rows"
)
_LINKS = """
SELECT DISTINCT JobNamespace, JobName, Direction = 'output' AS IsOutput, DatasetNamespace, DatasetName
FROM read_lineage_run_datasets(ns = {{ns:String}})
WHERE {jobs} AND {time} AND (JobNamespace, JobName, RunId, if(RunId = '', EventTime, lineagehub_never())) IN
(
    SELECT JobNamespace, JobName, latest.1, latest.2
    FROM
    (
        SELECT
            JobNamespace,
            JobName,
            arrayJoin([
                (maxIf((NamedAt, RunId), RunId != '').2, lineagehub_never()),
                (maxIf((NamedAt, RunId), IsComplete).2, lineagehub_never()),
                ('', maxIf(NamedAt, RunId = ''))
            ]) AS latest
        FROM ({runs})
        GROUP BY JobNamespace, JobName
    )
)
{one_thread}
"""
_RUNS_NOW = """
    SELECT
        JobNamespace, JobName, RunId,
        assumeNotNull(NamedDatasets) AS NamedAt,
        RunId != '' AND Completed IS NOT NULL AS IsComplete
    FROM read_lineage_job_runs(ns = {{ns:String}})
    WHERE NamedDatasets IS NOT NULL AND {jobs}
"""
_RUNS_AS_OF = """
    SELECT
        JobNamespace, JobName, RunId,
        max(EventTime) AS NamedAt,
        (JobNamespace, JobName, RunId) IN
        (
            SELECT JobNamespace, JobName, RunId FROM read_lineage_job_runs(ns = {{ns:String}})
            WHERE RunId != '' AND Completed IS NOT NULL AND assumeNotNull(Completed) <= {as_of} AND {jobs}
        ) AS IsComplete
    FROM read_lineage_run_datasets(ns = {{ns:String}})
    WHERE EventTime <= {as_of} AND {jobs}
    GROUP BY JobNamespace, JobName, RunId
"""
_DECLARED = """
SELECT DISTINCT OriginKind, OriginNamespace, OriginName, DestinationKind, DestinationNamespace, DestinationName
FROM read_lineage_declared_edges(ns = {{ns:String}})
WHERE (Source, DatasetNamespace, DatasetName, JobNamespace, JobName, Hash) IN
(
    SELECT Source, DatasetNamespace, DatasetName, JobNamespace, JobName, argMax(Hash, EventTime)
    FROM read_lineage_facet_versions(ns = {{ns:String}})
    WHERE Source IN ('dataset', 'job') AND {time}
    GROUP BY Source, DatasetNamespace, DatasetName, JobNamespace, JobName
)
LIMIT {limit}
{one_thread}
"""


class Links(Protocol):
    """Where a walk over the graph finds the links of nodes."""

    async def of(self, nodes: Iterable[Node]) -> set[Link]:
        """Return all links that begin or end at one of the nodes."""

    @property
    def is_whole(self) -> bool:
        """Tell whether the namespace was read whole."""


async def is_small(clickhouse: ClickHouse, namespace: str) -> bool:
    """Tell whether a namespace is to be read whole."""
    size = await clickhouse.select(_SIZE, {"ns": namespace})
    return bool(size[0]["edges"] <= MAXIMUM_WHOLE_EDGES and size[0]["rows"] <= MAXIMUM_WHOLE_ROWS)


async def open_links(
    clickhouse: ClickHouse, namespace: str, aliases: Aliases, as_of: datetime | None, *, whole: bool
) -> Links:
    """Return the links of a namespace, now or as of an aware time, datasets by their canonical names."""
    declared = _declared(clickhouse, namespace, aliases, as_of)
    if not whole:
        return LinksByLevel(clickhouse, namespace, aliases, as_of, await declared)
    every = LinksByLevel(clickhouse, namespace, aliases, as_of, set()).of_jobs(None)
    return LinksInMemory(set().union(*await asyncio.gather(declared, every)), is_whole=True)


class LinksInMemory:
    """Links that are all here."""

    def __init__(self, links: Iterable[Link], *, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._by_node: dict[Node, list[Link]] = {}
        for link in links:
            for node in link:
                self._by_node.setdefault(node, []).append(link)

    async def of(self, nodes: Iterable[Node]) -> set[Link]:
        """See Links."""
        return {link for node in nodes for link in self._by_node.get(node, ())}

    @property
    def is_whole(self) -> bool:
        """See Links."""
        return self._is_whole


class LinksByLevel:
    """Links asked for as the walk comes to their nodes."""

    is_whole = False

    def __init__(
        self,
        clickhouse: ClickHouse,
        namespace: str,
        aliases: Aliases,
        as_of: datetime | None,
        declared: set[Link],
    ) -> None:
        self._clickhouse = clickhouse
        self._namespace = namespace
        self._aliases = aliases
        self._as_of = as_of
        self._declared = LinksInMemory(declared, is_whole=True)

    async def of(self, nodes: Iterable[Node]) -> set[Link]:
        """See Links. A few queries for every CHUNK nodes."""
        wanted = set(nodes)
        jobs = {node for node in wanted if node.kind == "job"}
        datasets = {node[1:] for node in wanted if node.kind == "dataset"}
        for chunk in chunks(Node("dataset", *name) for one in datasets for name in self._aliases.names_of(one)):
            rows = await self._clickhouse.select(
                "SELECT DISTINCT JobNamespace, JobName FROM read_lineage_dataset_jobs(ns = {ns:String})"  # noqa: S608 a constant
                f" WHERE {IN_DATASETS}",
                {"ns": self._namespace, **names_of(chunk)},
            )
            jobs |= {Node("job", row["JobNamespace"], row["JobName"]) for row in rows}
        found = await self._declared.of(wanted)
        for chunk in chunks(jobs):
            found |= await self.of_jobs(chunk)
        return {link for link in found if not wanted.isdisjoint(link)}

    async def of_jobs(self, jobs: list[Node] | None) -> set[Link]:
        """Return the links of these jobs (CHUNK at most), or of all."""
        in_jobs = "1" if jobs is None else IN_JOBS
        parameters: Parameters = {"ns": self._namespace, **(names_of(jobs) if jobs else {})}
        time, runs = "1", _RUNS_NOW
        if self._as_of is not None:
            parameters["as_of"] = self._as_of.isoformat()
            time, runs = f"EventTime <= {AS_OF}", _RUNS_AS_OF
        sql = _LINKS.format(runs=runs.format(jobs=in_jobs, as_of=AS_OF), jobs=in_jobs, time=time, one_thread=ONE_THREAD)
        links: set[Link] = set()
        for row in await self._clickhouse.select(sql, parameters):
            job = Node("job", row["JobNamespace"], row["JobName"])
            dataset = Node("dataset", *self._aliases.name_of((row["DatasetNamespace"], row["DatasetName"])))
            links.add((job, dataset) if row["IsOutput"] else (dataset, job))
        return links


async def _declared(clickhouse: ClickHouse, namespace: str, aliases: Aliases, as_of: datetime | None) -> set[Link]:
    parameters: Parameters = {"ns": namespace, **({"as_of": as_of.isoformat()} if as_of else {})}
    time = f"EventTime <= {AS_OF}" if as_of else "1"
    rows = await clickhouse.select(
        _DECLARED.format(time=time, limit=MAXIMUM_WHOLE_EDGES, one_thread=ONE_THREAD), parameters
    )
    links: set[Link] = set()
    for row in rows:
        ends = []
        for end in ("Origin", "Destination"):
            kind, name = row[f"{end}Kind"], (row[f"{end}Namespace"], row[f"{end}Name"])
            ends.append(Node("job", *name) if kind == "job" else Node("dataset", *aliases.name_of(name)))
        if ends[0] != ends[1]:
            links.add((ends[0], ends[1]))
    return links


def chunks(nodes: Iterable[Node]) -> list[list[Node]]:
    """Return the nodes, sorted, in lists that one query can name."""
    lists: list[list[Node]] = []
    length = 0
    for node in sorted(nodes):
        size = len(node.namespace) + len(node.name)
        if not lists or length + size > CHUNK_LENGTH or len(lists[-1]) == CHUNK:
            lists.append([])
            length = 0
        lists[-1].append(node)
        length += size
    return lists


def names_of(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """Return the parameters of IN_JOBS and IN_DATASETS."""
    return {"namespaces": [node.namespace for node in nodes], "names": [node.name for node in nodes]}
