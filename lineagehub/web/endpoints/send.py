"""Endpoints that take data in: OpenLineage, OTLP, and the hub's own documents. Handlers: receivers/."""

from __future__ import annotations

from lineagehub.contract.control import Scope
from lineagehub.contract.headers import HTTP_EVENT_ID, HTTP_IDEMPOTENCY_KEY
from lineagehub.contract.lineage import LineageEvent
from lineagehub.web.endpoint import JSON, NDJSON, PROTOBUF, Content, Endpoint, Handler, json_of
from lineagehub.web.problems import (
    EVENT_TOO_COMPLEX,
    INVALID_EVENT_ID,
    INVALID_IDEMPOTENCY_KEY,
    INVALID_JSON,
    INVALID_PROTOBUF,
    INVALID_UNICODE,
    JSON_PROBLEMS,
    NAMESPACE_MISMATCH,
    QUOTA_EXCEEDED,
    SCHEMA_INVALID,
    THROTTLED,
    TIMESTAMP_OUT_OF_RANGE,
    TOO_DEEP,
    UNAVAILABLE,
)
from lineagehub.web.receivers.lineage import EventReceipt, receive_lineage
from lineagehub.web.receivers.lineage_batch import BatchReceipt, receive_lineage_batch
from lineagehub.web.receivers.lineage_ingest import IngestReceipt, IngestRequest, receive_lineage_envelope
from lineagehub.web.receivers.otlp_logs import receive_logs
from lineagehub.web.receivers.otlp_metrics import receive_metrics
from lineagehub.web.receivers.otlp_traces import receive_traces
from lineagehub.web.receivers.telemetry_ingest import TelemetryIngestRequest, TelemetryReceipt, receive_telemetry

TAG = "Send"

_REPEATABLE = {
    HTTP_IDEMPOTENCY_KEY: "Taken, and needed for nothing: a batch that is sent again is stored once with it and without it."
}


def _otlp(signal: str, handler: Handler, message: str, items: str) -> Endpoint:
    return Endpoint(
        "POST",
        f"/v1/{signal}",
        handler,
        f"Send {items} by OTLP/HTTP.",
        TAG,
        scope=Scope.INGEST_WRITE,
        request=Content((PROTOBUF, JSON), None, f"Export{message}ServiceRequest of opentelemetry-proto."),
        responses={
            200: Content(
                (PROTOBUF, JSON), None, f"Export{message}ServiceResponse; rejected {items} in partial_success."
            )
        },
        problems=(
            EVENT_TOO_COMPLEX,
            INVALID_JSON,
            INVALID_PROTOBUF,
            INVALID_UNICODE,
            QUOTA_EXCEEDED,
            THROTTLED,
            TOO_DEEP,
            UNAVAILABLE,
        ),
        speaks_otlp=True,
    )


SEND_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/api/v1/lineage",
        receive_lineage,
        "Send one OpenLineage event.",
        TAG,
        scope=Scope.INGEST_WRITE,
        request=json_of(
            LineageEvent, "A RunEvent, JobEvent or DatasetEvent of OpenLineage 2-0-2; unknown members are kept."
        ),
        headers={
            HTTP_EVENT_ID: "Your id of the event, 32 hexadecimal digits or a UUID; else it is made from the content."
        },
        responses={201: json_of(EventReceipt, "The broker has it.")},
        problems=(
            *JSON_PROBLEMS,
            INVALID_EVENT_ID,
            QUOTA_EXCEEDED,
            SCHEMA_INVALID,
            THROTTLED,
            TIMESTAMP_OUT_OF_RANGE,
            UNAVAILABLE,
        ),
        clients_sleep=True,
    ),
    Endpoint(
        "POST",
        "/api/v1/lineage/batch",
        receive_lineage_batch,
        "Send up to 1,000 OpenLineage events as OpenLineage's own batch, with a result for each that failed.",
        TAG,
        scope=Scope.INGEST_WRITE,
        request=Content(
            (JSON, NDJSON), LineageEvent, "An array of OpenLineage events, or one event a line.", is_list=True
        ),
        headers=_REPEATABLE,
        responses={
            204: Content((), None, "The broker has all of them."),
            200: json_of(BatchReceipt, "Some events failed, or facets are quarantined."),
        },
        problems=(*JSON_PROBLEMS, INVALID_IDEMPOTENCY_KEY, QUOTA_EXCEEDED, SCHEMA_INVALID, THROTTLED, UNAVAILABLE),
        clients_sleep=True,
    ),
    Endpoint(
        "POST",
        "/api/v1/lineage/ingest",
        receive_lineage_envelope,
        "Send up to 1,000 OpenLineage events, with a result for each.",
        TAG,
        scope=Scope.INGEST_WRITE,
        request=json_of(IngestRequest),
        headers=_REPEATABLE,
        responses={200: json_of(IngestReceipt, "The broker has the accepted ones.")},
        problems=(
            *JSON_PROBLEMS,
            INVALID_IDEMPOTENCY_KEY,
            NAMESPACE_MISMATCH,
            QUOTA_EXCEEDED,
            SCHEMA_INVALID,
            UNAVAILABLE,
        ),
    ),
    _otlp("traces", receive_traces, "Trace", "spans"),
    _otlp("metrics", receive_metrics, "Metrics", "data points"),
    _otlp("logs", receive_logs, "Logs", "log records"),
    Endpoint(
        "POST",
        "/api/v1/telemetry/ingest",
        receive_telemetry,
        "Send up to 1,000 spans and 1,000 metrics in the hub's own JSON, with a result for each.",
        TAG,
        scope=Scope.INGEST_WRITE,
        request=json_of(TelemetryIngestRequest),
        responses={200: json_of(TelemetryReceipt, "The broker has the accepted ones.")},
        problems=(*JSON_PROBLEMS, NAMESPACE_MISMATCH, QUOTA_EXCEEDED, SCHEMA_INVALID, UNAVAILABLE),
    ),
)
