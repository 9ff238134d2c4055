"""Spans, log records and metrics for tests of the reads. Times are nanoseconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

MILLISECOND, SECOND, HOUR = 10**6, 10**9, 3_600 * 10**9
SCOPE = InstrumentationScope(name="tests", version="1.2")


def iso(nanoseconds: int) -> str:
    """Return RFC 3339 with nanoseconds."""
    return f"{datetime.fromtimestamp(nanoseconds // SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds % SECOND:09}Z"


def attributes(values: dict[str, str]) -> list[KeyValue]:
    """Return text attributes."""
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


def resource(service: str, run_id: str | None) -> Resource:
    """Return the resource of a service, and of a run."""
    return Resource(attributes=attributes({"service.name": service} | ({"lineage.run_id": run_id} if run_id else {})))


def span(trace_id: str, span_id: str, start: int, nanoseconds: int = 1_000, **members: Any) -> Span:
    """Return a span."""
    return Span(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        start_time_unix_nano=start,
        end_time_unix_nano=start + nanoseconds,
        **members,
    )


def spans_of(service: str, spans: Iterable[Span], run_id: str | None = None) -> bytes:
    """Return a request of one service's spans."""
    scope_spans = [ScopeSpans(scope=SCOPE, spans=spans)]
    of_resource = resource(service, run_id)
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=of_resource, scope_spans=scope_spans)]
    ).SerializeToString()


def log(at: int, body: str, **members: Any) -> LogRecord:
    """Return a log record."""
    return LogRecord(time_unix_nano=at, body=AnyValue(string_value=body), **members)


def logs_of(service: str, records: Iterable[LogRecord], run_id: str | None = None) -> bytes:
    """Return a request of one service's log records."""
    scope_logs = [ScopeLogs(scope=SCOPE, log_records=records)]
    of_resource = resource(service, run_id)
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=of_resource, scope_logs=scope_logs)]
    ).SerializeToString()


def metrics_of(service: str, metrics: Iterable[Metric], run_id: str | None = None) -> bytes:
    """Return a request of one service's metrics."""
    scope_metrics = [ScopeMetrics(scope=SCOPE, metrics=metrics)]
    of_resource = resource(service, run_id)
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=of_resource, scope_metrics=scope_metrics)]
    ).SerializeToString()
