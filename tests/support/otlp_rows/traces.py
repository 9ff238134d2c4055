"""Rows of otel_traces."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.otlp_rows.values import attribute_texts, hexadecimal, run_id

KINDS = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
STATUSES = ["Unset", "Ok", "Error"]
TABLES = {
    "otel_traces": (
        "toUnixTimestamp64Nano(Timestamp) AS Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName,"
        " ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,"
        " arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp) AS `Events.Timestamp`, Events.Name, Events.Attributes,"
        " Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes, Namespace, RunId"
    )
}


def item_count(request: ExportTraceServiceRequest) -> int:
    """Return the number of spans."""
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def is_valid(span: Span) -> bool:
    """Whether the hub keeps the span: ids of the right length that are not all zero, times before the year 2262.

    What it does not keep it names in the answer's partial_success, as the specification says.
    """
    ids = len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)
    return ids and max(span.start_time_unix_nano, span.end_time_unix_nano) < 1 << 63


def expected_rows(request: ExportTraceServiceRequest, namespace: str) -> dict[str, list[dict[str, Any]]]:
    """Return the row of each valid span, by table."""
    rows = [
        _row(span, attribute_texts(resource.resource.attributes), scope.scope.name, scope.scope.version, namespace)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if is_valid(span)
    ]
    return {"otel_traces": rows}


def _row(span: Span, resource: dict[str, str], scope_name: str, scope_version: str, namespace: str) -> dict[str, Any]:
    attributes = attribute_texts(span.attributes)
    return {
        "Timestamp": span.start_time_unix_nano,
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "ParentSpanId": hexadecimal(span.parent_span_id),
        "TraceState": span.trace_state,
        "SpanName": span.name,
        "SpanKind": KINDS[span.kind],
        "ServiceName": resource.get("service.name", ""),
        "ResourceAttributes": resource,
        "ScopeName": scope_name,
        "ScopeVersion": scope_version,
        "SpanAttributes": attributes,
        "Duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
        "StatusCode": STATUSES[span.status.code],
        "StatusMessage": span.status.message,
        "Events.Timestamp": [event.time_unix_nano for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [attribute_texts(event.attributes) for event in span.events],
        "Links.TraceId": [hexadecimal(link.trace_id) for link in span.links],
        "Links.SpanId": [hexadecimal(link.span_id) for link in span.links],
        "Links.TraceState": [link.trace_state for link in span.links],
        "Links.Attributes": [attribute_texts(link.attributes) for link in span.links],
        "Namespace": namespace,
        "RunId": run_id(attributes, resource),
    }
