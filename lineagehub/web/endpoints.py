"""ENDPOINTS: the one list of routes. The application, the OpenAPI document and the documentation page are made from it.

To add an endpoint: its handler in receivers/, queries/, admin/ or ops/, and one entry here.
"""

from __future__ import annotations

from pydantic import BaseModel

from lineagehub.contract.control import Scope
from lineagehub.contract.headers import HTTP_EVENT_ID, HTTP_IDEMPOTENCY_KEY
from lineagehub.contract.lineage import LineageEvent
from lineagehub.store.queries.column_lineage import ColumnLineage
from lineagehub.store.queries.events import EventsPage
from lineagehub.store.queries.graph import LineageGraph
from lineagehub.store.queries.impact import Impact
from lineagehub.store.queries.runs import Run
from lineagehub.store.queries.search import SearchPage
from lineagehub.web.admin.audit import AuditPage, AuditQuery, read_audit
from lineagehub.web.admin.lineage_deletion import DeletionQuery, DeletionReceipt, delete_lineage
from lineagehub.web.endpoint import JSON, NDJSON, PROTOBUF, Content, Endpoint, Handler, json_of
from lineagehub.web.marquez.endpoints import MARQUEZ_ENDPOINTS
from lineagehub.web.ops.docs_page import Welcome, read_docs, read_docs_asset, read_openapi, read_root
from lineagehub.web.ops.health import Health, Liveness, Readiness, read_health, read_liveness, read_readiness
from lineagehub.web.ops.metrics import read_metrics
from lineagehub.web.ops.problem_pages import ProblemList, ProblemPage, list_problems, read_problem
from lineagehub.web.problems import (
    BAD_CURSOR,
    EVENT_TOO_COMPLEX,
    INVALID_EVENT_ID,
    INVALID_IDEMPOTENCY_KEY,
    INVALID_JSON,
    INVALID_PARAMETER,
    INVALID_PROTOBUF,
    INVALID_UNICODE,
    JSON_PROBLEMS,
    NAMESPACE_MISMATCH,
    NOT_FOUND,
    SCHEMA_INVALID,
    STORE_BEHIND,
    TIMESTAMP_OUT_OF_RANGE,
    TOO_DEEP,
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
from lineagehub.web.receivers.lineage import EventReceipt, receive_lineage
from lineagehub.web.receivers.lineage_batch import BatchReceipt, receive_lineage_batch
from lineagehub.web.receivers.lineage_ingest import IngestReceipt, IngestRequest, receive_lineage_envelope
from lineagehub.web.receivers.otlp_logs import receive_logs
from lineagehub.web.receivers.otlp_metrics import receive_metrics
from lineagehub.web.receivers.otlp_traces import receive_traces
from lineagehub.web.receivers.telemetry_ingest import TelemetryIngestRequest, TelemetryReceipt, receive_telemetry

_REPEATABLE = {
    HTTP_IDEMPOTENCY_KEY: "Taken, and needed for nothing: a batch that is sent again is stored once with it and without it."
}

INGEST, READ, MANAGEMENT, OPERATIONS, DOCUMENTATION = "Send", "Read", "Manage", "Operations", "Documentation"


def _otlp(signal: str, handler: Handler, message: str, items: str) -> Endpoint:
    return Endpoint(
        "POST",
        f"/v1/{signal}",
        handler,
        f"Send {items} by OTLP/HTTP.",
        INGEST,
        scope=Scope.INGEST_WRITE,
        request=Content((PROTOBUF, JSON), None, f"Export{message}ServiceRequest of opentelemetry-proto."),
        responses={
            200: Content(
                (PROTOBUF, JSON), None, f"Export{message}ServiceResponse; rejected {items} in partial_success."
            )
        },
        problems=(EVENT_TOO_COMPLEX, INVALID_JSON, INVALID_PROTOBUF, INVALID_UNICODE, TOO_DEEP, UNAVAILABLE),
        speaks_otlp=True,
    )


def _telemetry(
    path: str, handler: Handler, summary: str, query: type[BaseModel], answer: type[BaseModel], *problems: Problem
) -> Endpoint:
    return Endpoint(
        "GET",
        f"/api/v1/{path}",
        handler,
        summary,
        READ,
        scope=Scope.TELEMETRY_READ,
        query=query,
        responses={200: json_of(answer)},
        problems=(INVALID_PARAMETER, BAD_CURSOR, UNAVAILABLE, *problems),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/api/v1/lineage",
        receive_lineage,
        "Send one OpenLineage event.",
        INGEST,
        scope=Scope.INGEST_WRITE,
        request=json_of(
            LineageEvent, "A RunEvent, JobEvent or DatasetEvent of OpenLineage 2-0-2; unknown members are kept."
        ),
        headers={
            HTTP_EVENT_ID: "Your id of the event, 32 hexadecimal digits or a UUID; else it is made from the content."
        },
        responses={201: json_of(EventReceipt, "The broker has it.")},
        problems=(*JSON_PROBLEMS, INVALID_EVENT_ID, SCHEMA_INVALID, TIMESTAMP_OUT_OF_RANGE, UNAVAILABLE),
    ),
    Endpoint(
        "POST",
        "/api/v1/lineage/batch",
        receive_lineage_batch,
        "Send up to 1,000 OpenLineage events as OpenLineage's own batch, with a result for each that failed.",
        INGEST,
        scope=Scope.INGEST_WRITE,
        request=Content(
            (JSON, NDJSON), LineageEvent, "An array of OpenLineage events, or one event a line.", is_list=True
        ),
        headers=_REPEATABLE,
        responses={
            204: Content((), None, "The broker has all of them."),
            200: json_of(BatchReceipt, "Some events failed, or facets are quarantined."),
        },
        problems=(*JSON_PROBLEMS, INVALID_IDEMPOTENCY_KEY, SCHEMA_INVALID, UNAVAILABLE),
    ),
    Endpoint(
        "POST",
        "/api/v1/lineage/ingest",
        receive_lineage_envelope,
        "Send up to 1,000 OpenLineage events, with a result for each.",
        INGEST,
        scope=Scope.INGEST_WRITE,
        request=json_of(IngestRequest),
        headers=_REPEATABLE,
        responses={200: json_of(IngestReceipt, "The broker has the accepted ones.")},
        problems=(*JSON_PROBLEMS, INVALID_IDEMPOTENCY_KEY, NAMESPACE_MISMATCH, SCHEMA_INVALID, UNAVAILABLE),
    ),
    _otlp("traces", receive_traces, "Trace", "spans"),
    _otlp("metrics", receive_metrics, "Metrics", "data points"),
    _otlp("logs", receive_logs, "Logs", "log records"),
    Endpoint(
        "POST",
        "/api/v1/telemetry/ingest",
        receive_telemetry,
        "Send up to 1,000 spans and 1,000 metrics in the hub's own JSON, with a result for each.",
        INGEST,
        scope=Scope.INGEST_WRITE,
        request=json_of(TelemetryIngestRequest),
        responses={200: json_of(TelemetryReceipt, "The broker has the accepted ones.")},
        problems=(*JSON_PROBLEMS, NAMESPACE_MISMATCH, SCHEMA_INVALID, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/lineage",
        read_lineage,
        "Read the lineage graph around a job or dataset.",
        READ,
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
        READ,
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
        READ,
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
        READ,
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
        READ,
        scope=Scope.LINEAGE_READ,
        responses={200: json_of(Run)},
        problems=(INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/events/lineage",
        read_events,
        "Read OpenLineage events as they came.",
        READ,
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
    Endpoint(
        "DELETE",
        "/api/v1/lineage",
        delete_lineage,
        "Delete a job with its runs, a dataset under all of its names, or a namespace of OpenLineage with its jobs and datasets.",
        MANAGEMENT,
        scope=Scope.NAMESPACE_ADMIN,
        query=DeletionQuery,
        responses={200: json_of(DeletionReceipt, "No read shows it any more.")},
        problems=(INVALID_PARAMETER, NOT_FOUND, STORE_BEHIND, UNAVAILABLE),
    ),
    Endpoint(
        "GET",
        "/api/v1/namespaces/{name}/audit",
        read_audit,
        "Read who did what in a namespace, and what was denied.",
        MANAGEMENT,
        scope=Scope.AUDIT_READ,
        query=AuditQuery,
        responses={200: json_of(AuditPage)},
        problems=(BAD_CURSOR, INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
    ),
    *MARQUEZ_ENDPOINTS,
    Endpoint(
        "GET",
        "/api/v1/health",
        read_health,
        "Ask whether the web serves requests.",
        OPERATIONS,
        responses={200: json_of(Health)},
    ),
    Endpoint(
        "GET",
        "/livez",
        read_liveness,
        "Ask whether the process runs.",
        OPERATIONS,
        responses={200: json_of(Liveness)},
    ),
    Endpoint(
        "GET",
        "/readyz",
        read_readiness,
        "Ask whether data can be taken in, and how each dependency is.",
        OPERATIONS,
        responses={200: json_of(Readiness, "Ready, or degraded."), 503: json_of(Readiness, "Unready.")},
    ),
    Endpoint(
        "GET",
        "/metrics",
        read_metrics,
        "Read the metrics in Prometheus' text format.",
        OPERATIONS,
        responses={200: Content(("text/plain",))},
    ),
    Endpoint(
        "GET",
        "/problems",
        list_problems,
        "Read the catalogue of problems.",
        DOCUMENTATION,
        responses={200: json_of(ProblemList)},
    ),
    Endpoint(
        "GET",
        "/problems/{slug}",
        read_problem,
        "Read what a problem means and what to do.",
        DOCUMENTATION,
        responses={200: json_of(ProblemPage)},
        problems=(NOT_FOUND,),
    ),
    Endpoint(
        "GET",
        "/openapi.json",
        read_openapi,
        "Read this description.",
        DOCUMENTATION,
        responses={200: Content((JSON,))},
    ),
    Endpoint(
        "GET",
        "/docs",
        read_docs,
        "Read the documentation page.",
        DOCUMENTATION,
        responses={200: Content(("text/html",))},
    ),
    Endpoint(
        "GET",
        "/docs/{name}",
        read_docs_asset,
        "Read a file of the documentation page.",
        DOCUMENTATION,
        responses={200: Content(("text/javascript", "text/css", "image/png"))},
        problems=(NOT_FOUND,),
    ),
    Endpoint(
        "GET",
        "/",
        read_root,
        "Read what this is and where its documentation stands.",
        DOCUMENTATION,
        responses={200: json_of(Welcome)},
    ),
)
