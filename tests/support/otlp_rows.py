"""What rows of otel_traces a request must give: an independent decoder, by python protobuf, of the Collector exporter's rules."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

KINDS = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
STATUSES = ["Unset", "Ok", "Error"]
COLUMNS = (
    "toUnixTimestamp64Nano(Timestamp) AS Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName,"
    " ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,"
    " arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp) AS `Events.Timestamp`, Events.Name, Events.Attributes,"
    " Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes, Namespace"
)


def is_valid(span: Span) -> bool:
    """Whether the hub keeps the span: ids of the right length that are not all zero, times before the year 2262.

    What it does not keep it names in the answer's partial_success, as the specification says.
    """
    ids = len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)
    return ids and max(span.start_time_unix_nano, span.end_time_unix_nano) < 1 << 63


def expected_rows(request: ExportTraceServiceRequest, namespace: str) -> list[dict[str, Any]]:
    """Return the row of each valid span."""
    return [
        _row(span, _attributes(resource.resource.attributes), scope.scope.name, scope.scope.version, namespace)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if is_valid(span)
    ]


def _row(span: Span, resource: dict[str, str], scope_name: str, scope_version: str, namespace: str) -> dict[str, Any]:
    return {
        "Timestamp": span.start_time_unix_nano,
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "ParentSpanId": span.parent_span_id.hex(),
        "TraceState": span.trace_state,
        "SpanName": span.name,
        "SpanKind": KINDS[span.kind],
        "ServiceName": resource.get("service.name", ""),
        "ResourceAttributes": resource,
        "ScopeName": scope_name,
        "ScopeVersion": scope_version,
        "SpanAttributes": _attributes(span.attributes),
        "Duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
        "StatusCode": STATUSES[span.status.code],
        "StatusMessage": span.status.message,
        "Events.Timestamp": [event.time_unix_nano for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [_attributes(event.attributes) for event in span.events],
        "Links.TraceId": [link.trace_id.hex() for link in span.links],
        "Links.SpanId": [link.span_id.hex() for link in span.links],
        "Links.TraceState": [link.trace_state for link in span.links],
        "Links.Attributes": [_attributes(link.attributes) for link in span.links],
        "Namespace": namespace,
    }


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: _text(pair.value) for pair in attributes}


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "string_value":
        return value.string_value
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _double(value.double_value)
    if kind == "int_value":
        return str(value.int_value)
    text = json.dumps(_plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _double(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e21 else repr(number)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        number = value.double_value
        return int(number) if number == int(number) else number
    return None if kind is None else getattr(value, kind)
