"""Runs, in Marquez's shape. State is by event time, whatever the order of arrival: a terminal event wins."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.facets import run_facets
from lineagehub.store.queries.links import AS_OF, IN_JOBS, ONE_THREAD, Parameters, names_of
from lineagehub.store.queries.node_ids import Node

STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED", "START": "RUNNING", "RUNNING": "RUNNING"}
"""OpenLineage's event types as Marquez's run states; anything else leaves a run NEW."""

_COLUMNS = (
    "RunId, JobId.1 AS JobNamespace, JobId.2 AS JobName, StateAt.3 AS EventType, Created, Updated, Started, Ended,"
    " NominalTime.2 AS NominalStart, NominalTime.3 AS NominalEnd, ParentRun.2 AS ParentRunId,"
    " ParentRun.3 AS ParentNamespace, ParentRun.4 AS ParentName, RootRun.2 AS RootRunId,"
    " RootRun.3 AS RootNamespace, RootRun.4 AS RootName"
)
_LATEST_NOW = "SELECT LatestRun.2 FROM read_lineage_jobs(ns = {ns:String}) WHERE "
_LATEST_AS_OF = (
    "SELECT argMax(RunId, (Created, RunId)) FROM read_lineage_job_runs(ns = {ns:String})"  # noqa: S608 a constant
    f" WHERE RunId != '' AND Created <= {AS_OF}"
    " GROUP BY JobNamespace, JobName HAVING "
)


class RunSummary(BaseModel):
    """One run, without its facets. Times are RFC 3339 UTC; `durationMs` is None until the run has ended."""

    id: str
    createdAt: str  # noqa: N815 Marquez's names
    updatedAt: str  # noqa: N815
    nominalStartTime: str | None  # noqa: N815
    nominalEndTime: str | None  # noqa: N815
    state: str
    startedAt: str | None  # noqa: N815
    endedAt: str | None  # noqa: N815
    durationMs: int | None  # noqa: N815
    args: dict[str, str] = {}


class RunReference(BaseModel):
    """A run that another names, with its job."""

    runId: str  # noqa: N815 OpenLineage's name
    namespace: str
    jobName: str  # noqa: N815


class RunDataset(BaseModel):
    """A dataset that a run read or wrote, with what it says of it: statistics, quality, versions."""

    namespace: str
    name: str
    facets: dict[str, Any]


class Run(RunSummary):
    """One run with its job, parent, datasets and facets; facets accumulate over its events, a later one of the same name replaces."""

    namespace: str
    jobName: str  # noqa: N815
    parentRunId: str | None  # noqa: N815
    parent: RunReference | None
    root: RunReference | None
    childRuns: list[str] = Field(description=f"Runs that name this one as their parent, {1_000} at most.")  # noqa: N815
    error: str | None = Field(description="The message of its errorMessage facet.")
    processingEngine: str | None = Field(description="Name and version.")  # noqa: N815
    externalQueryId: str | None  # noqa: N815
    inputs: list[RunDataset]
    outputs: list[RunDataset]
    facets: dict[str, Any]


async def run_by_id(clickhouse: ClickHouse, namespace: str, run_id: str) -> Run | None:
    """Return a run of the namespace, or None."""
    parameters = {"ns": namespace, "run": run_id.lower()}
    rows, facets, children, dataset_facets = await asyncio.gather(
        clickhouse.select(
            f"SELECT {_COLUMNS} FROM read_lineage_runs(ns = {{ns:String}}) WHERE RunId = {{run:String}}",  # noqa: S608 a constant
            parameters,
        ),
        run_facets(clickhouse, namespace, run_id.lower()),
        clickhouse.select(
            "SELECT RunId FROM read_lineage_run_children(ns = {ns:String}) WHERE ParentRunId = {run:String}"
            " ORDER BY LastSeenAt DESC, RunId LIMIT 1000",
            parameters,
        ),
        clickhouse.select(
            "SELECT toString(Side) AS Direction, DatasetNamespace, DatasetName, Facet, Raw"
            " FROM read_lineage_run_dataset_facets(ns = {ns:String}) WHERE RunId = {run:String} ORDER BY Facet",
            parameters,
        ),
    )
    if not rows:
        return None
    row = rows[0]
    datasets = await clickhouse.select(
        "SELECT DISTINCT toString(Direction) AS Direction, DatasetNamespace, DatasetName"
        " FROM read_lineage_run_datasets(ns = {ns:String})"
        " WHERE JobNamespace = {namespace:String} AND JobName = {name:String} AND RunId = {run:String}"
        " ORDER BY DatasetNamespace, DatasetName",
        {**parameters, "namespace": row["JobNamespace"], "name": row["JobName"]},
    )
    return _run(row, facets, [child["RunId"] for child in children], datasets, dataset_facets)


async def run_summaries(clickhouse: ClickHouse, namespace: str, run_ids: list[str]) -> dict[str, RunSummary]:
    """Return the runs of these ids that the namespace has, by id."""
    if not run_ids:
        return {}
    rows = await clickhouse.select(
        f"SELECT {_COLUMNS} FROM read_lineage_runs(ns = {{ns:String}}) WHERE RunId IN {{runs:Array(String)}}",  # noqa: S608 a constant
        {"ns": namespace, "runs": run_ids},
    )
    return {row["RunId"]: RunSummary(**summary(row)) for row in rows}


async def latest_runs(
    clickhouse: ClickHouse, namespace: str, jobs: list[Node] | None, as_of: datetime | None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the latest run of each of these jobs, or of all, as RunSummary's members; as of a time, as far as it had come by then."""
    parameters: Parameters = {"ns": namespace, **(names_of(jobs) if jobs is not None else {})}
    if as_of is not None:
        parameters["as_of"] = as_of.isoformat()
    latest = (_LATEST_AS_OF if as_of else _LATEST_NOW) + ("1" if jobs is None else IN_JOBS)
    is_over = f", {f'Ended <= {AS_OF}' if as_of else '1'} AS IsOver"
    rows = await clickhouse.select(
        f"SELECT {_COLUMNS} {is_over} FROM read_lineage_runs(ns = {{ns:String}}) WHERE RunId IN ({latest}) {ONE_THREAD}",  # noqa: S608 constants
        parameters,
    )
    return {(row["JobNamespace"], row["JobName"]): summary(row) for row in rows}


def summary(row: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a RunSummary. `IsOver` false: the run had not ended yet."""
    started, ended = row["Started"], row["Ended"] if row.get("IsOver", True) else None
    state = row["EventType"] if ended == row["Ended"] else "RUNNING"
    duration = None
    if started and ended:
        duration = round((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds() * 1000)
    return {
        "id": row["RunId"],
        "createdAt": row["Created"],
        "updatedAt": row["Updated"],
        "nominalStartTime": row["NominalStart"] or None,
        "nominalEndTime": row["NominalEnd"] or None,
        "state": STATES.get(state, "NEW"),
        "startedAt": started,
        "endedAt": ended,
        "durationMs": duration,
        "args": {},
    }


def _run(
    row: dict[str, Any],
    facets: dict[str, Any],
    children: list[str],
    datasets: list[dict[str, Any]],
    dataset_facets: list[dict[str, Any]],
) -> Run:
    engine = facets.get("processing_engine", {})
    return Run(
        **summary(row),
        namespace=row["JobNamespace"],
        jobName=row["JobName"],
        parentRunId=row["ParentRunId"] or None,
        parent=_reference(row, "Parent"),
        root=_reference(row, "Root"),
        childRuns=children,
        error=_text(facets.get("errorMessage", {}).get("message")),
        processingEngine=_text(" ".join(str(engine[part]) for part in ("name", "version") if engine.get(part))),
        externalQueryId=_text(facets.get("externalQuery", {}).get("externalQueryId")),
        inputs=_run_datasets("input", datasets, dataset_facets),
        outputs=_run_datasets("output", datasets, dataset_facets),
        facets=facets,
    )


def _run_datasets(
    direction: str, datasets: list[dict[str, Any]], dataset_facets: list[dict[str, Any]]
) -> list[RunDataset]:
    facets: dict[tuple[str, str], dict[str, Any]] = {}
    for row in dataset_facets:
        if row["Direction"] == direction:
            of_one = facets.setdefault((row["DatasetNamespace"], row["DatasetName"]), {})
            of_one[row["Facet"]] = orjson.loads(row["Raw"])
    names = [(row["DatasetNamespace"], row["DatasetName"]) for row in datasets if row["Direction"] == direction]
    return [RunDataset(namespace=name[0], name=name[1], facets=facets.get(name, {})) for name in names]


def _reference(row: dict[str, Any], whose: str) -> RunReference | None:
    if not row[f"{whose}RunId"]:
        return None
    return RunReference(runId=row[f"{whose}RunId"], namespace=row[f"{whose}Namespace"], jobName=row[f"{whose}Name"])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
