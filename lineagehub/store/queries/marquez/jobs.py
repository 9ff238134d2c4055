"""Jobs. A job's inputs and outputs are those of the lineage graph (links.py); a filter by state counts what it lets through.

A job's versions are the sets of datasets that its runs which have ended, and its JobEvents, named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.graph_nodes import member
from lineagehub.store.queries.links import IN_JOBS, Parameters, is_small, open_links
from lineagehub.store.queries.marquez.identities import job_uuid, job_version
from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.runs import LARGEST_FACET, LARGEST_LISTED_FACET, latest_runs, runs_by_id
from lineagehub.store.queries.marquez.tags import tag_names
from lineagehub.store.queries.marquez.tenant import Data, Rows, Tenant, name_id
from lineagehub.store.queries.node_ids import Node

Datasets = tuple[list[Name], list[Name]]
"""The inputs and outputs of a job, sorted."""

LATEST_RUNS = 10
"""As many as Marquez shows."""
MAXIMUM_VERSIONS = 10_000
FEW_JOBS = 400
"""For so many jobs their own links are read, and not those of all."""

TYPES_BY_STATE = {
    "NEW": ("", "OTHER"),
    "RUNNING": ("START", "RUNNING"),
    "COMPLETED": ("COMPLETE",),
    "ABORTED": ("ABORT",),
    "FAILED": ("FAIL",),
    "OTHER": (),
}
"""Marquez's run states as the event types that lead to them."""

_COLUMNS = "JobNamespace, JobName, CreatedAt, UpdatedAt, Parent.2 AS ParentNamespace, Parent.3 AS ParentName"
_IS_LISTED = (
    "({namespace:String} = '' OR JobNamespace = {namespace:String}) AND ({all_states:UInt8} OR (JobNamespace, JobName) IN"
    " (SELECT JobNamespace, JobName FROM read_lineage_job_runs(ns = {ns:String}) WHERE RunId != ''"
    " GROUP BY JobNamespace, JobName"
    " HAVING argMax(StateAt.3, (coalesce(Started, Created), RunId)) IN {types:Array(String)}))"
)
_FACETS = (
    "SELECT JobNamespace, JobName, Facet, Raw FROM read_lineage_job_facets(ns = {ns:String})"  # noqa: S608 a constant
    " WHERE (Facet IN ('documentation', 'jobType', 'sourceCodeLocation', 'tags') OR length(Raw) <= {largest:UInt32})"
    f" AND {IN_JOBS} ORDER BY Facet"
)
_OF_JOB = "JobNamespace = {namespace:String} AND JobName = {name:String}"
_VERSIONS = f"""
SELECT Inputs, Outputs, min(CreatedAt) AS FirstAt, max(CreatedAt) AS LastAt, maxIf((CreatedAt, RunId), RunId != '').2 AS LatestRun
FROM
(
    SELECT
        RunId,
        min(EventTime) AS CreatedAt,
        arraySort(groupUniqArrayIf((toString(DatasetNamespace), DatasetName), Direction = 'input')) AS Inputs,
        arraySort(groupUniqArrayIf((toString(DatasetNamespace), DatasetName), Direction = 'output')) AS Outputs
    FROM read_lineage_run_datasets(ns = {{ns:String}})
    WHERE {_OF_JOB} AND
        (RunId = '' OR RunId IN (SELECT RunId FROM read_lineage_job_runs(ns = {{ns:String}}) WHERE {_OF_JOB} AND StateAt.1 = 2))
    GROUP BY RunId, if(RunId = '', EventTime, lineagehub_never())
    UNION ALL
    SELECT RunId, Created, [], [] FROM read_lineage_job_runs(ns = {{ns:String}})
    WHERE {_OF_JOB} AND RunId != '' AND StateAt.1 = 2 AND NamedDatasets IS NULL
)
GROUP BY Inputs, Outputs
ORDER BY LastAt DESC, Inputs, Outputs
LIMIT {MAXIMUM_VERSIONS}
"""  # noqa: S608 constants


async def jobs_page(
    tenant: Tenant, namespace: str | None, states: Sequence[str], limit: int, offset: int
) -> tuple[list[Data], int]:
    """Return a page of jobs, the last updated first, and how many there are. `states`: of the latest run; none means all."""
    types = [event_type for state in states for event_type in TYPES_BY_STATE[state]]
    filters: Parameters = {"namespace": namespace or "", "all_states": int(not states), "types": types}
    rows, total = await asyncio.gather(
        tenant.select(
            f"SELECT {_COLUMNS} FROM read_lineage_jobs(ns = {{ns:String}}) WHERE {_IS_LISTED}"  # noqa: S608 constants
            " ORDER BY UpdatedAt DESC, JobNamespace, JobName LIMIT {limit:UInt32} OFFSET {offset:UInt32}",
            **filters,
            limit=limit,
            offset=offset,
        ),
        tenant.select(
            f"SELECT count() AS total FROM read_lineage_jobs(ns = {{ns:String}}) WHERE {_IS_LISTED}",  # noqa: S608 constants
            **filters,
        ),
    )
    return await _jobs(tenant, rows, LARGEST_LISTED_FACET), int(total[0]["total"])


async def job_by_name(tenant: Tenant, job: Name) -> Data | None:
    """Return a job with all its facets, or None."""
    rows = await job_rows(tenant, [Node("job", *job)])
    return (await _jobs(tenant, rows, LARGEST_FACET))[0] if rows else None


async def job_rows(tenant: Tenant, jobs: list[Node]) -> Rows:
    """Return what events said of these jobs, for those that any event had."""
    return await tenant.select_for(
        f"SELECT {_COLUMNS} FROM read_lineage_jobs(ns = {{ns:String}}) WHERE {IN_JOBS}",  # noqa: S608 constants
        jobs,
    )


async def job_versions(tenant: Tenant, job: Name) -> list[Data]:
    """Return the versions of a job without their latest runs, but with the run's id in its place; the latest first."""
    rows, facets = await asyncio.gather(
        tenant.select(_VERSIONS, namespace=job[0], name=job[1]),
        tenant.select_for(_FACETS, [Node("job", *job)], largest=LARGEST_FACET),
    )
    location = member({row["Facet"]: row["Raw"] for row in facets}, "sourceCodeLocation", "url")
    versions: dict[str, Data] = {}
    for row in rows:
        inputs, outputs = _canonical(tenant, row["Inputs"]), _canonical(tenant, row["Outputs"])
        version = job_version(job, inputs, outputs)
        known = versions.setdefault(
            version,
            {
                "id": {**name_id(job), "version": version},
                "name": job[1],
                "createdAt": row["FirstAt"],
                "version": version,
                "namespace": job[0],
                "location": location,
                "inputs": [name_id(name) for name in inputs],
                "outputs": [name_id(name) for name in outputs],
                "latestRun": row["LatestRun"],
            },
        )
        known["createdAt"] = min(known["createdAt"], row["FirstAt"])
    return [{**version, "createdAt": instant(version["createdAt"])} for version in versions.values()]


async def with_latest_runs(tenant: Tenant, versions: list[Data]) -> list[Data]:
    """Return job versions with their latest runs."""
    runs = await runs_by_id(tenant, [version["latestRun"] for version in versions])
    return [{**version, "latestRun": runs.get(version["latestRun"])} for version in versions]


def parent_of(row: Data) -> Name | None:
    """Return the job that a job's latest parent facet named, or None."""
    return (row["ParentNamespace"], row["ParentName"]) if row.get("ParentName") else None


def simple_name(job: Name, parent: Name | None) -> str:
    """Return a job's name without its parent's, as Marquez does for `dag.task`."""
    return job[1].removeprefix(f"{parent[1]}.") if parent else job[1]


def job_type(processing_type: str | None) -> str:
    """Return Marquez's job type of OpenLineage's processing type."""
    return {"STREAMING": "STREAM", "SERVICE": "SERVICE"}.get(processing_type or "", "BATCH")


async def _jobs(tenant: Tenant, rows: Rows, largest_facet: int) -> list[Data]:
    if not rows:
        return []
    jobs = [Node("job", row["JobNamespace"], row["JobName"]) for row in rows]
    datasets, facet_rows, runs = await asyncio.gather(
        _datasets_of(tenant, jobs),
        tenant.select_for(_FACETS, jobs, largest=largest_facet),
        latest_runs(tenant, jobs, LATEST_RUNS),
    )
    facets: dict[Name, dict[str, str]] = {}
    for row in facet_rows:
        facets.setdefault((row["JobNamespace"], row["JobName"]), {})[row["Facet"]] = row["Raw"]
    return [
        _job(row, facets.get(name, {}), datasets[name], runs.get(name))
        for row in rows
        if (name := (row["JobNamespace"], row["JobName"]))
    ]


async def _datasets_of(tenant: Tenant, jobs: list[Node]) -> dict[Name, Datasets]:
    whole = len(jobs) > FEW_JOBS and await is_small(tenant.clickhouse, tenant.namespace)
    links = await open_links(tenant.clickhouse, tenant.namespace, tenant.aliases, None, whole=whole)
    wanted = set(jobs)
    found: dict[Node, tuple[set[Name], set[Name]]] = {job: (set(), set()) for job in jobs}
    for origin, destination in await links.of(jobs):
        if destination in wanted and origin.kind == "dataset":
            found[destination][0].add(origin[1:])
        if origin in wanted and destination.kind == "dataset":
            found[origin][1].add(destination[1:])
    return {job[1:]: (sorted(inputs), sorted(outputs)) for job, (inputs, outputs) in found.items()}


def _current_version(job: Name, datasets: Datasets, runs: list[Data] | None) -> str | None:
    """Return the version of the latest run that has ended; where there is no run at all, that of the latest JobEvent."""
    if runs is not None:
        return next((run["jobVersion"]["version"] for run in runs if run["jobVersion"]), None)
    return job_version(job, *datasets) if any(datasets) else None


def _job(
    row: Data,
    facets: dict[str, str],
    datasets: Datasets,
    runs: list[Data] | None,
) -> Data:
    name, parent = (row["JobNamespace"], row["JobName"]), parent_of(row)
    return {
        "id": name_id(name),
        "type": job_type(member(facets, "jobType", "processingType")),
        "name": name[1],
        "simpleName": simple_name(name, parent),
        "parentJobName": parent[1] if parent else None,
        "parentJobUuid": job_uuid(parent) if parent else None,
        "createdAt": instant(row["CreatedAt"]),
        "updatedAt": instant(row["UpdatedAt"]),
        "namespace": name[0],
        "inputs": [name_id(dataset) for dataset in datasets[0]],
        "outputs": [name_id(dataset) for dataset in datasets[1]],
        "location": member(facets, "sourceCodeLocation", "url"),
        "description": member(facets, "documentation", "description"),
        "latestRun": runs[0] if runs else None,
        "latestRuns": runs,
        "facets": {facet: orjson.loads(raw) for facet, raw in facets.items()},
        "currentVersion": _current_version(name, datasets, runs),
        "labels": [
            label for part in ("jobType", "integration") if (label := member(facets, "jobType", part)) is not None
        ],
        "tags": tag_names(facets),
    }


def _canonical(tenant: Tenant, names: list[list[str]]) -> list[Name]:
    return sorted({tenant.aliases.name_of((namespace, name)) for namespace, name in names})
