"""Rows of otel_logs."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.support.otlp_rows.values import attribute_texts, hexadecimal, run_id, value_text

TABLES = {
    "otel_logs": (
        "toUnixTimestamp64Nano(Timestamp) AS Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body,"
        " ResourceSchemaUrl, ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, LogAttributes, EventName,"
        " Namespace, RunId"
    )
}


def item_count(request: ExportLogsServiceRequest) -> int:
    """Return the number of log records."""
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def is_valid(record: LogRecord) -> bool:
    """Whether the hub keeps the record: ids of the right length or none, times before the year 2262."""
    ids = len(record.trace_id) in (0, 16) and len(record.span_id) in (0, 8)
    return ids and max(record.time_unix_nano, record.observed_time_unix_nano) < 1 << 63


def expected_rows(request: ExportLogsServiceRequest, namespace: str) -> dict[str, list[dict[str, Any]]]:
    """Return the row of each valid log record, by table."""
    rows = []
    for resource in request.resource_logs:
        resource_attributes = attribute_texts(resource.resource.attributes)
        for scope in resource.scope_logs:
            shared = {
                "ServiceName": resource_attributes.get("service.name", ""),
                "ResourceSchemaUrl": resource.schema_url,
                "ResourceAttributes": resource_attributes,
                "ScopeSchemaUrl": scope.schema_url,
                "ScopeName": scope.scope.name,
                "ScopeVersion": scope.scope.version,
                "ScopeAttributes": attribute_texts(scope.scope.attributes),
                "Namespace": namespace,
            }
            rows += [shared | _row(record, resource_attributes) for record in scope.log_records if is_valid(record)]
    return {"otel_logs": rows}


def _row(record: LogRecord, resource: dict[str, str]) -> dict[str, Any]:
    attributes = attribute_texts(record.attributes)
    return {
        "Timestamp": record.time_unix_nano or record.observed_time_unix_nano,
        "TraceId": hexadecimal(record.trace_id),
        "SpanId": hexadecimal(record.span_id),
        "TraceFlags": record.flags % 256,
        "SeverityText": record.severity_text,
        "SeverityNumber": record.severity_number,
        "Body": value_text(record.body),
        "LogAttributes": attributes,
        "EventName": record.event_name,
        "RunId": run_id(attributes, resource),
    }
