"""Endpoints that read lineage and telemetry of the caller's namespace. Handlers: queries/."""

from __future__ import annotations

from pydantic import BaseModel

from lineagehub.contract.control import Scope
from lineagehub.store.queries.column_lineage import ColumnLineage
from lineagehub.store.queries.events import EventsPage
from lineagehub.store.queries.graph import LineageGraph
from lineagehub.store.queries.impact import Impact
from lineagehub.store.queries.runs import Run
from lineagehub.store.queries.search import SearchPage
from lineagehub.web.endpoint import JSON, Content, Endpoint, Handler, json_of
from lineagehub.web.problems import (
    BAD_CURSOR,
    INVALID_PARAMETER,
    NOT_FOUND,
    UNAVAILABLE,
    Problem,
)
from lineagehub.web.queries.column_lineage import ColumnLineageQuery, read_column_lineage
from lineagehub.web.queries.events import EventsQuery, read_events
from lineagehub.web.queries.graph import LineageQuery, read_lineage
from lineagehub.web.queries.impact import CSV, ImpactQuery, read_impact
from lineagehub.web.queries.logs import LogsOfRunQuery, LogsPage, LogsQuery, read_logs
from lineagehub.web.queries.metrics import (
    MetricsPage,
    MetricsQuery,
    PointsOfRunQuery,
    PointsPage,
    PointsQuery,
    read_metric_list,
    read_metric_points,
)
from lineagehub.web.queries.run_telemetry import (
    SpansOfRunQuery,
    SpansPage,
    read_run_logs,
    read_run_metrics,
    read_run_spans,
    read_run_traces,
)
from lineagehub.web.queries.runs import read_run
from lineagehub.web.queries.search import SearchQuery, read_search
from lineagehub.web.queries.traces import (
    Trace,
    TraceQuery,
    TracesOfRunQuery,
    TracesPage,
    TracesQuery,
    read_trace,
    read_traces,
)

TAG = "Read"


def _telemetry(
    path: str, handler: Handler, summary: str, query: type[BaseModel], answer: type[BaseModel], *problems: Problem
) -> Endpoint:
    return Endpoint(
        "GET",
        f"/api/v1/{path}",
        handler,
        summary,
        TAG,
        scope=Scope.TELEMETRY_READ,
        query=query,
        responses={200: json_of(answer)},
        problems=(INVALID_PARAMETER, BAD_CURSOR, UNAVAILABLE, *problems),
    )


READ_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/api/v1/lineage",
        read_lineage,
        "Read the lineage graph around a job or dataset.",
        TAG,
        scope=Scope.LINEAGE_READ,
        query=LineageQuery,
        responses={200: json_of(LineageGraph)},
        problems=(INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/column-lineage",
        read_column_lineage,
        "Read which columns a column comes from, or all columns of a dataset.",
        TAG,
        scope=Scope.LINEAGE_READ,
        query=ColumnLineageQuery,
        responses={200: json_of(ColumnLineage)},
        problems=(INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/impact",
        read_impact,
        "Read what depends on a job or dataset, or what it depends on, as rows.",
        TAG,
        scope=Scope.LINEAGE_READ,
        query=ImpactQuery,
        responses={
            200: Content((JSON, CSV), Impact, "CSV has the same columns; LineageHub-Truncated tells if it was cut.")
        },
        problems=(INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/search",
        read_search,
        "Search jobs and datasets by name.",
        TAG,
        scope=Scope.LINEAGE_READ,
        query=SearchQuery,
        responses={200: json_of(SearchPage)},
        problems=(BAD_CURSOR, INVALID_PARAMETER, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/jobs/runs/{id}",
        read_run,
        "Read one run.",
        TAG,
        scope=Scope.LINEAGE_READ,
        responses={200: json_of(Run)},
        problems=(INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/events/lineage",
        read_events,
        "Read OpenLineage events as they came.",
        TAG,
        scope=Scope.LINEAGE_READ,
        query=EventsQuery,
        responses={200: json_of(EventsPage)},
        problems=(INVALID_PARAMETER, UNAVAILABLE),
    ),
    _telemetry("traces", read_traces, "Find traces.", TracesQuery, TracesPage),
    _telemetry("traces/{trace_id}", read_trace, "Read the spans of one trace.", TraceQuery, Trace, NOT_FOUND),
    _telemetry("logs", read_logs, "Read log records.", LogsQuery, LogsPage),
    _telemetry("metrics", read_metric_list, "Read which metrics there are.", MetricsQuery, MetricsPage),
    _telemetry("metrics/points", read_metric_points, "Read the data points of a metric.", PointsQuery, PointsPage),
    _telemetry(
        "jobs/runs/{id}/traces", read_run_traces, "Read the traces of a run.", TracesOfRunQuery, TracesPage, NOT_FOUND
    ),
    _telemetry(
        "jobs/runs/{id}/spans", read_run_spans, "Read the spans of a run.", SpansOfRunQuery, SpansPage, NOT_FOUND
    ),
    _telemetry(
        "jobs/runs/{id}/logs", read_run_logs, "Read the log records of a run.", LogsOfRunQuery, LogsPage, NOT_FOUND
    ),
    _telemetry(
        "jobs/runs/{id}/metrics",
        read_run_metrics,
        "Read the metric points of a run.",
        PointsOfRunQuery,
        PointsPage,
        NOT_FOUND,
    ),
)
