"""What the graph's nodes show: jobs and datasets in Marquez's shape, with ours beside. Called by graph.py.

Plain data, not models: a graph has thousands of nodes, and the answer is written once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases
from lineagehub.store.queries.links import AS_OF, IN_DATASETS, IN_JOBS, ONE_THREAD, Link, Parameters, chunks, names_of
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.runs import latest_runs

Data = dict[str, Any]
Rows = list[dict[str, Any]]

_JOBS = (
    "SELECT JobNamespace, JobName, CreatedAt, UpdatedAt, Parent.2 AS ParentNamespace, Parent.3 AS ParentName,"
    " Root.2 AS RootNamespace, Root.3 AS RootName FROM read_lineage_jobs(ns = {ns:String}) WHERE "
)
_JOB_FACETS = (
    "SELECT JobNamespace, JobName, Facet, Raw FROM read_lineage_job_facets(ns = {ns:String})"
    " WHERE Facet IN ('documentation', 'sourceCodeLocation', 'jobType') AND "
)
_DATASETS = (
    "SELECT DatasetNamespace, DatasetName, CreatedAt, UpdatedAt FROM read_lineage_datasets(ns = {ns:String}) WHERE "
)
_DATASET_FACETS = (
    "SELECT DatasetNamespace, DatasetName, Facet, FacetTime, Raw FROM read_lineage_dataset_facets(ns = {ns:String})"
    " WHERE Part = 'facets' AND Facet IN ('dataSource', 'documentation', 'lifecycleStateChange', 'schema', 'tags') AND "
)
_FIELDS_AS_OF = (
    "SELECT DatasetNamespace, DatasetName, 'schema' AS Facet, max(least(LastSeen.1, as_of)) AS FacetTime,"  # noqa: S608 a constant
    " concat('{\"fields\":', argMax(Fields, (least(LastSeen.1, as_of), FirstSeen.1, Hash)), '}') AS Raw"
    f" FROM (SELECT *, {AS_OF} AS as_of FROM read_lineage_schema_versions(ns = {{ns:String}}))"
    " WHERE FirstSeen.1 <= as_of AND "
)
_BY_DATASET = " GROUP BY DatasetNamespace, DatasetName"


class NodeReader:
    """Reads nodes of a namespace. `whole`: a few queries for all of its nodes are cheaper than many for these."""

    def __init__(self, clickhouse: ClickHouse, namespace: str, as_of: datetime | None, *, whole: bool) -> None:
        self._clickhouse = clickhouse
        self._namespace = namespace
        self._as_of = as_of
        self._whole = whole

    async def jobs(self, jobs: list[Node], links: Iterable[Link]) -> dict[Node, Data]:
        """Return what is known of each job."""
        rows, facet_rows, runs = await asyncio.gather(
            self._rows(_JOBS, IN_JOBS, jobs),
            self._rows(_JOB_FACETS, IN_JOBS, jobs),
            self._latest_runs(jobs),
        )
        found = {(row["JobNamespace"], row["JobName"]): row for row in rows}
        facets: dict[tuple[str, str], dict[str, Any]] = {}
        for row in facet_rows:
            facets.setdefault((row["JobNamespace"], row["JobName"]), {})[row["Facet"]] = row["Raw"]
        inputs: dict[Node, list[Node]] = {}
        outputs: dict[Node, list[Node]] = {}
        for origin, destination in links:
            if destination.kind == "job" and origin.kind == "dataset":
                inputs.setdefault(destination, []).append(origin)
            elif origin.kind == "job" and destination.kind == "dataset":
                outputs.setdefault(origin, []).append(destination)
        return {
            job: job_data(
                job,
                found.get(job[1:], {}),
                facets.get(job[1:], {}),
                [_id(node) for node in sorted(inputs.get(job, ()))],
                [_id(node) for node in sorted(outputs.get(job, ()))],
                runs.get(job[1:]),
            )
            for job in jobs
        }

    async def datasets(self, datasets: list[Node], aliases: Aliases) -> dict[Node, Data]:
        """Return what is known of each dataset; of one with several names, the latest that any of them has."""
        every = [Node("dataset", *name) for node in datasets for name in aliases.names_of(node[1:])]
        pending = [self._rows(_DATASETS, IN_DATASETS, every), self._rows(_DATASET_FACETS, IN_DATASETS, every)]
        if self._as_of is not None:
            pending.append(self._rows(_FIELDS_AS_OF, IN_DATASETS, every, _BY_DATASET))
        rows, facet_rows, *as_of = await asyncio.gather(*pending)
        if as_of:
            facet_rows = [row for row in facet_rows if row["Facet"] != "schema"] + as_of[0]
        found: dict[tuple[str, str], Rows] = {}
        for row in rows:
            name = aliases.name_of((row["DatasetNamespace"], row["DatasetName"]))
            found.setdefault(name, []).append(row)
        facets: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
        for row in facet_rows:
            known = facets.setdefault(aliases.name_of((row["DatasetNamespace"], row["DatasetName"])), {})
            known[row["Facet"]] = max(known.get(row["Facet"], ("", "")), (row["FacetTime"], row["Raw"]))
        return {
            node: dataset_data(
                node,
                found.get(node[1:], []),
                {name: raw for name, (_, raw) in facets.get(node[1:], {}).items()},
                [name for name in aliases.names_of(node[1:]) if name != node[1:]],
            )
            for node in datasets
        }

    async def _latest_runs(self, jobs: list[Node]) -> dict[tuple[str, str], Data]:
        if self._whole:
            return await latest_runs(self._clickhouse, self._namespace, None, self._as_of)
        runs: dict[tuple[str, str], Data] = {}
        for chunk in chunks(jobs):
            runs |= await latest_runs(self._clickhouse, self._namespace, chunk, self._as_of)
        return runs

    async def _rows(self, sql: str, condition: str, nodes: list[Node], grouping: str = "") -> Rows:
        parameters: Parameters = {"ns": self._namespace}
        if self._as_of is not None:
            parameters["as_of"] = self._as_of.isoformat()
        if self._whole:
            return await self._clickhouse.select(f"{sql} 1 {grouping} {ONE_THREAD}", parameters)
        rows: Rows = []
        for chunk in chunks(nodes):
            rows += await self._clickhouse.select(
                f"{sql} {condition} {grouping} {ONE_THREAD}", {**parameters, **names_of(chunk)}
            )
        return rows


def job_data(
    job: Node,
    row: dict[str, Any],
    facets: dict[str, str],
    inputs: list[Data],
    outputs: list[Data],
    latest_run: Data | None,
) -> Data:
    """Return a job node's data. `row`: of read_lineage_jobs, empty if no event had this job; `facets`: their JSON by name."""
    parent = _named(row.get("ParentNamespace"), row.get("ParentName"))
    return {
        "type": member(facets, "jobType", "processingType") or "BATCH",
        "id": _id(job),
        "name": job.name,
        "simpleName": job.name.rpartition(".")[2],
        "parentJobName": parent["name"] if parent else None,
        "namespace": job.namespace,
        "createdAt": row.get("CreatedAt"),
        "updatedAt": row.get("UpdatedAt"),
        "inputs": inputs,
        "outputs": outputs,
        "location": member(facets, "sourceCodeLocation", "url"),
        "description": member(facets, "documentation", "description"),
        "latestRun": latest_run,
        "parentJob": parent,
        "rootJob": _named(row.get("RootNamespace"), row.get("RootName")),
    }


def dataset_data(dataset: Node, rows: Rows, facets: dict[str, str], aliases: list[tuple[str, str]]) -> Data:
    """Return a dataset node's data. `rows`: of read_lineage_datasets, one for each of its names; `facets`: their JSON by name."""
    tags = members(facets, "tags", "tags")
    of_fields: dict[Any, list[str]] = {}
    for tag in tags:
        if tag.get("field"):
            of_fields.setdefault(tag["field"], []).append(str(tag.get("key")))
    return {
        "id": _id(dataset),
        "type": "DB_TABLE",
        "name": dataset.name,
        "physicalName": dataset.name,
        "createdAt": min((row["CreatedAt"] for row in rows), default=None),
        "updatedAt": max((row["UpdatedAt"] for row in rows), default=None),
        "namespace": dataset.namespace,
        "sourceName": member(facets, "dataSource", "name") or dataset.namespace,
        "fields": [
            {
                "name": field.get("name"),
                "type": field.get("type"),
                "tags": of_fields.get(field.get("name"), []),
                "description": field.get("description"),
            }
            for field in members(facets, "schema", "fields")
        ],
        "tags": [str(tag.get("key")) for tag in tags if not tag.get("field")],
        "description": member(facets, "documentation", "description"),
        "lifecycleState": member(facets, "lifecycleStateChange", "lifecycleStateChange"),
        "aliases": [{"namespace": namespace, "name": name} for namespace, name in aliases],
    }


def lifecycle_of(facet: Any) -> str | None:
    """Return what a lifecycleStateChange facet says, such as DROP."""
    state = facet.get("lifecycleStateChange") if isinstance(facet, dict) else None
    return state if isinstance(state, str) and state else None


def member(facets: dict[str, str], facet: str, name: str) -> str | None:
    """Return a text of a facet, or None where it is not there or no text."""
    value = orjson.loads(facets[facet]).get(name) if facet in facets else None
    return value if isinstance(value, str) and value else None


def members(facets: dict[str, str], facet: str, name: str) -> list[dict[str, Any]]:
    """Return the objects of a list in a facet; none where it is not there or no list."""
    value = orjson.loads(facets[facet]).get(name) if facet in facets else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _id(node: Node) -> Data:
    return {"namespace": node.namespace, "name": node.name}


def _named(namespace: str | None, name: str | None) -> Data | None:
    return {"namespace": namespace, "name": name} if name else None
