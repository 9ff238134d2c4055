"""Runs, in Marquez's shape. State is by event time, whatever the order of arrival: a terminal event wins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel

from lineagehub.store.client import ClickHouse

STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED", "START": "RUNNING", "RUNNING": "RUNNING"}
"""OpenLineage's event types as Marquez's run states; anything else leaves a run NEW."""

_COLUMNS = (
    "RunId, JobId.1 AS JobNamespace, JobId.2 AS JobName, StateAt.3 AS EventType, Created, Updated, Started, Ended,"
    " NominalTime.2 AS NominalStart, NominalTime.3 AS NominalEnd, ParentRun.2 AS ParentRunId"
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


class Run(RunSummary):
    """One run with its job, parent and facets; facets accumulate over its events, a later one of the same name replaces."""

    namespace: str
    jobName: str  # noqa: N815
    parentRunId: str | None  # noqa: N815
    facets: dict[str, Any]


async def run_by_id(clickhouse: ClickHouse, namespace: str, run_id: str) -> Run | None:
    """Return a run of the namespace, or None."""
    parameters = {"ns": namespace, "run": run_id.lower()}
    rows = await clickhouse.select(
        f"SELECT {_COLUMNS} FROM read_lineage_runs(ns = {{ns:String}}) WHERE RunId = {{run:String}}",  # noqa: S608 a constant
        parameters,
    )
    if not rows:
        return None
    events = await clickhouse.select(
        "SELECT JSONExtractRaw(Event, 'run', 'facets') AS Facets FROM read_lineage_events(ns = {ns:String})"
        " WHERE RunId = {run:String} ORDER BY EventTime, EventId",
        parameters,
    )
    facets: dict[str, Any] = {}
    for event in events:
        found = orjson.loads(event["Facets"]) if event["Facets"] else {}
        facets |= found if isinstance(found, dict) else {}
    row = rows[0]
    return Run(
        **_summary(row).model_dump(),
        namespace=row["JobNamespace"],
        jobName=row["JobName"],
        parentRunId=row["ParentRunId"] or None,
        facets=facets,
    )


async def run_summaries(clickhouse: ClickHouse, namespace: str, run_ids: list[str]) -> dict[str, RunSummary]:
    """Return the runs of these ids that the namespace has, by id."""
    if not run_ids:
        return {}
    rows = await clickhouse.select(
        f"SELECT {_COLUMNS} FROM read_lineage_runs(ns = {{ns:String}}) WHERE RunId IN {{runs:Array(String)}}",  # noqa: S608 a constant
        {"ns": namespace, "runs": run_ids},
    )
    return {row["RunId"]: _summary(row) for row in rows}


def _summary(row: dict[str, Any]) -> RunSummary:
    started, ended = row["Started"], row["Ended"]
    duration = None
    if started and ended:
        duration = round((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds() * 1000)
    return RunSummary(
        id=row["RunId"],
        createdAt=row["Created"],
        updatedAt=row["Updated"],
        nominalStartTime=row["NominalStart"] or None,
        nominalEndTime=row["NominalEnd"] or None,
        state=STATES.get(row["EventType"], "NEW"),
        startedAt=started,
        endedAt=ended,
        durationMs=duration,
    )
