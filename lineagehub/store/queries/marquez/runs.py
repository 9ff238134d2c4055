"""Runs. State is by event time whatever the order of arrival, where Marquez has the last event that came.

In lists and graphs a run's facets larger than LARGEST_LISTED_FACET are left out; the run itself and its facets' route have them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.links import IN_JOBS
from lineagehub.store.queries.marquez.identities import dataset_version, job_version
from lineagehub.store.queries.marquez.instants import instant, instant_sent
from lineagehub.store.queries.marquez.tenant import Data, Rows, Tenant
from lineagehub.store.queries.marquez.writers import writers_before
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.runs import STATES

LARGEST_LISTED_FACET = 4_096
LARGEST_FACET = 1 << 31

NEWEST_FIRST = "coalesce(Started, Created) DESC, RunId DESC"

_RUNS = (
    "SELECT RunId, JobId.1 AS JobNamespace, JobId.2 AS JobName, StateAt.3 AS EventType, Created, Updated, Started, Ended,"
    " NominalTime.2 AS NominalStart, NominalTime.3 AS NominalEnd, ParentRun.2 AS ParentRunId,"
    " ParentRun.3 AS ParentNamespace, ParentRun.4 AS ParentName"
    " FROM read_lineage_runs(ns = {ns:String}) WHERE RunId IN {runs:Array(String)}"
)
_FACETS = (
    "SELECT RunId, Facet, Raw FROM read_lineage_run_facets(ns = {ns:String})"
    " WHERE RunId IN {runs:Array(String)} AND length(Raw) <= {largest:UInt32} ORDER BY Facet"
)
_DATASET_FACETS = (
    "SELECT RunId, toString(Side) AS Direction, DatasetNamespace, DatasetName, Facet, Raw"
    " FROM read_lineage_run_dataset_facets(ns = {ns:String})"
    " WHERE RunId IN {runs:Array(String)} AND Side != 'dataset' AND Facet NOT IN ('version', 'lifecycleStateChange')"
    " AND length(Raw) <= {largest:UInt32} ORDER BY Facet"
)
_DATASETS = """
SELECT RunId, toString(Direction) AS Direction, DatasetNamespace, DatasetName, min(EventTime) AS At
FROM read_lineage_run_datasets(ns = {ns:String})
WHERE (JobNamespace, JobName, RunId) IN
    (SELECT JobId.1, JobId.2, RunId FROM read_lineage_runs(ns = {ns:String}) WHERE RunId IN {runs:Array(String)})
GROUP BY RunId, Direction, DatasetNamespace, DatasetName
"""
EVENTS_AT_EACH_END = 20
EVENTS_OF_RUNS = f"""
(
    SELECT * FROM
    (
        SELECT EventTime, EventId FROM read_lineage_run_events(ns = {{ns:String}}) WHERE RunId IN {{runs:Array(String)}}
        ORDER BY EventTime LIMIT {EVENTS_AT_EACH_END} BY RunId
    )
    UNION ALL SELECT * FROM
    (
        SELECT EventTime, EventId FROM read_lineage_run_events(ns = {{ns:String}}) WHERE RunId IN {{runs:Array(String)}}
        ORDER BY EventTime DESC LIMIT {EVENTS_AT_EACH_END} BY RunId
    )
)
"""  # noqa: S608 constants
"""The first and the last events of each run: a stream's run may have very many, which repeat themselves."""
_JOB_FACETS = (
    "SELECT facet.1 AS Facet, max((EventTime, facet.2)).2 AS Raw FROM read_lineage_events(ns = {ns:String})"  # noqa: S608 a constant
    " ARRAY JOIN lineagehub_facets(lineagehub_event(Event).job.facets, '/job/facets', []) AS facet"
    f" WHERE (EventTime, EventId) IN {EVENTS_OF_RUNS} GROUP BY Facet ORDER BY Facet"
)


class RunDataset(NamedTuple):
    """A dataset that a run read or wrote, and the run that wrote that version of it; empty if none is known."""

    run_id: str
    direction: str
    name: Name
    writer: str


async def runs_by_id(
    tenant: Tenant, run_ids: Iterable[str], largest_facet: int = LARGEST_LISTED_FACET
) -> dict[str, Data]:
    """Return the runs of these ids that the tenant has, by id. `largest_facet`: in bytes of JSON."""
    wanted = [run_id for run_id in run_ids if run_id]
    if not wanted:
        return {}
    rows, facets, datasets, dataset_facets = await asyncio.gather(
        tenant.select_for_runs(_RUNS, wanted),
        tenant.select_for_runs(_FACETS, wanted, largest=largest_facet),
        datasets_of_runs(tenant, wanted),
        tenant.select_for_runs(_DATASET_FACETS, wanted, largest=largest_facet),
    )
    facets_of, dataset_facets_of = _grouped(facets), _grouped(dataset_facets)
    datasets_of: dict[str, list[RunDataset]] = {}
    for dataset in datasets:
        datasets_of.setdefault(dataset.run_id, []).append(dataset)
    return {
        (run_id := row["RunId"]): _run(
            tenant, row, facets_of.get(run_id, []), datasets_of.get(run_id, []), dataset_facets_of.get(run_id, [])
        )
        for row in rows
    }


async def run_by_id(tenant: Tenant, run_id: str) -> Data | None:
    """Return one run with all its facets, or None."""
    return (await runs_by_id(tenant, [run_id], LARGEST_FACET)).get(run_id)


async def datasets_of_runs(tenant: Tenant, run_ids: Iterable[str]) -> list[RunDataset]:
    """Return what each run read and wrote, by the datasets' canonical names, sorted."""
    first: dict[tuple[str, str, Name], str] = {}
    for row in await tenant.select_for_runs(_DATASETS, run_ids):
        key = row["RunId"], row["Direction"], tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"]))
        first[key] = min(first.get(key, row["At"]), row["At"])
    reads = {(name, at) for (_, direction, name), at in first.items() if direction == "input"}
    writers = await writers_before(tenant, reads)
    return [
        RunDataset(run_id, direction, name, writers.get((name, at), "") if direction == "input" else run_id)
        for (run_id, direction, name), at in sorted(first.items())
    ]


async def runs_of_job(tenant: Tenant, job: Name, limit: int, offset: int) -> list[Data]:
    """Return a page of a job's runs, the latest first."""
    rows = await tenant.select(
        "SELECT RunId FROM read_lineage_job_runs(ns = {ns:String})"  # noqa: S608 a constant
        " WHERE JobNamespace = {namespace:String} AND JobName = {name:String} AND RunId != ''"
        f" ORDER BY {NEWEST_FIRST} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}",
        namespace=job[0],
        name=job[1],
        limit=limit,
        offset=offset,
    )
    ids = [row["RunId"] for row in rows]
    runs = await runs_by_id(tenant, ids)
    return [runs[run_id] for run_id in ids if run_id in runs]


async def count_runs_of_job(tenant: Tenant, job: Name) -> int:
    """Return how many runs a job has."""
    rows = await tenant.select(
        "SELECT count() AS total FROM read_lineage_job_runs(ns = {ns:String})"
        " WHERE JobNamespace = {namespace:String} AND JobName = {name:String} AND RunId != ''",
        namespace=job[0],
        name=job[1],
    )
    return int(rows[0]["total"])


async def latest_runs(tenant: Tenant, jobs: list[Node], count: int) -> dict[Name, list[Data]]:
    """Return the latest `count` runs of each job that has any, the latest first."""
    rows = await tenant.select_for(
        "SELECT JobNamespace, JobName, RunId FROM read_lineage_job_runs(ns = {ns:String})"  # noqa: S608 constants
        f" WHERE RunId != '' AND {IN_JOBS}"
        f" ORDER BY JobNamespace, JobName, {NEWEST_FIRST} LIMIT {{count:UInt32}} BY JobNamespace, JobName",
        jobs,
        count=count,
    )
    runs = await runs_by_id(tenant, (row["RunId"] for row in rows))
    found: dict[Name, list[Data]] = {}
    for row in rows:
        if row["RunId"] in runs:
            found.setdefault((row["JobNamespace"], row["JobName"]), []).append(runs[row["RunId"]])
    return found


async def facets_of_run(tenant: Tenant, run_id: str) -> Data | None:
    """Return the facets of a run as Marquez's RunFacets, or None."""
    if not await _exists(tenant, run_id):
        return None
    rows = await tenant.select_for_runs(_FACETS, [run_id], largest=LARGEST_FACET)
    return {"runId": run_id, "facets": {row["Facet"]: orjson.loads(row["Raw"]) for row in rows}}


async def job_facets_of_run(tenant: Tenant, run_id: str) -> Data | None:
    """Return the facets of a run's job, as the run's events gave them, as Marquez's JobFacets, or None."""
    if not await _exists(tenant, run_id):
        return None
    rows = await tenant.select_for_runs(_JOB_FACETS, [run_id])
    facets = {row["Facet"]: orjson.loads(row["Raw"]) for row in rows}
    return {"runId": run_id, "facets": {name: facet for name, facet in facets.items() if not facet.get("_deleted")}}


async def _exists(tenant: Tenant, run_id: str) -> bool:
    return bool(
        await tenant.select(
            "SELECT RunId FROM read_lineage_runs(ns = {ns:String}) WHERE RunId = {run:String}", run=run_id
        )
    )


def _grouped(rows: Rows) -> dict[str, Rows]:
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row["RunId"], []).append(row)
    return groups


def _run(tenant: Tenant, row: Data, facets: Rows, datasets: list[RunDataset], dataset_facets: Rows) -> Data:
    job = row["JobNamespace"], row["JobName"]
    nominal_start, nominal_end = instant_sent(row["NominalStart"]), instant_sent(row["NominalEnd"])
    versions = {direction: _versions(tenant, direction, datasets, dataset_facets) for direction in ("input", "output")}
    return {
        "id": row["RunId"],
        "createdAt": instant(row["Created"]),
        "updatedAt": instant(row["Updated"]),
        "nominalStartTime": nominal_start,
        "nominalEndTime": nominal_end,
        "state": STATES.get(row["EventType"], "NEW"),
        "startedAt": instant(row["Started"]),
        "endedAt": instant(row["Ended"]),
        "durationMs": _duration(row["Started"], row["Ended"]),
        "args": _arguments(row, nominal_start, nominal_end),
        "jobVersion": _job_version(job, versions) if row["Ended"] else None,
        "inputDatasetVersions": versions["input"],
        "outputDatasetVersions": versions["output"],
        "facets": {facet["Facet"]: orjson.loads(facet["Raw"]) for facet in facets},
    }


def _versions(tenant: Tenant, direction: str, datasets: list[RunDataset], dataset_facets: Rows) -> list[Data]:
    facets: dict[Name, Data] = {}
    for row in dataset_facets:
        if row["Direction"] == direction:
            name = tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"]))
            facets.setdefault(name, {})[row["Facet"]] = orjson.loads(row["Raw"])
    return [
        {
            "datasetVersionId": {
                "namespace": dataset.name[0],
                "name": dataset.name[1],
                "version": dataset_version(dataset.name, dataset.writer),
            },
            "facets": facets.get(dataset.name, {}),
        }
        for dataset in datasets
        if dataset.direction == direction
    ]


def _job_version(job: Name, versions: dict[str, list[Data]]) -> Data:
    names = {
        direction: [(item["datasetVersionId"]["namespace"], item["datasetVersionId"]["name"]) for item in items]
        for direction, items in versions.items()
    }
    return {"namespace": job[0], "name": job[1], "version": job_version(job, names["input"], names["output"])}


def _duration(started: str | None, ended: str | None) -> int | None:
    if not started or not ended:
        return None
    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds() * 1000)


def _arguments(row: Data, nominal_start: str | None, nominal_end: str | None) -> dict[str, str]:
    arguments = {
        "nominal_start_time": nominal_start,
        "nominal_end_time": nominal_end,
        "run_id": row["ParentRunId"],
        "name": row["ParentName"],
        "namespace": row["ParentNamespace"],
    }
    return {name: value for name, value in arguments.items() if value}
