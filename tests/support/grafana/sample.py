"""An hour of two namespaces, `shop` and `bank`: runs in every state, spans and logs of a call that fails at times, every kind of metric.

It ends at END, a fixed time, and everything was received a second after it happened; the numbers are small enough to count by hand.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import (
    LINEAGE_EVENTS_IN,
    OTLP_LOGS_IN,
    OTLP_METRICS_IN,
    OTLP_TRACES_IN,
    LandingTable,
    encode_record,
    insert_settings,
)
from tests.support.grafana.macros import TimeRange

END = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = TimeRange(END - timedelta(hours=1), END, 60)
RECEIVED_LATER = timedelta(seconds=1)
CALLS = 20
"""Calls of checkout, one a minute from minute 10; every fourth fails in payments."""

Request = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest


async def insert_sample(clickhouse: ClickHouse) -> None:
    """Insert it all, as agents do."""
    for namespace, event in _lineage_events():
        moment = datetime.fromisoformat(event["eventTime"])
        await _insert(clickhouse, LINEAGE_EVENTS_IN, namespace, moment, json.dumps(event).encode())
    for number in range(CALLS):
        moment = END - timedelta(minutes=50 - number)
        await _insert(clickhouse, OTLP_TRACES_IN, "shop", moment, _call(number, moment))
        await _insert(clickhouse, OTLP_LOGS_IN, "shop", moment, _log(number, moment))
    last = END - timedelta(minutes=5)
    await _insert(clickhouse, OTLP_METRICS_IN, "shop", last, _metrics(last))
    await _insert(clickhouse, OTLP_TRACES_IN, "bank", last, _call(101, last))


async def _insert(
    clickhouse: ClickHouse, table: LandingTable, namespace: str, moment: datetime, value: bytes | Request
) -> None:
    row = encode_record(
        namespace=namespace,
        event_id=uuid.uuid4().hex,
        topic="sample",
        partition=0,
        offset=0,
        received_at_ms=round((moment + RECEIVED_LATER).timestamp() * 1000),
        retention_days=3650,
        value=value if isinstance(value, bytes) else value.SerializeToString(),
    )
    await clickhouse.insert(table.name, "Protobuf", row, insert_settings(table, uuid.uuid4().hex))


def _lineage_events() -> list[tuple[str, dict[str, Any]]]:
    """Three completed runs of load (60, 120 and 180 s), a failed and an aborted one of report, a started and a running one of load."""
    events = []
    for minutes, (namespace, job, end, seconds) in enumerate(
        (
            ("shop", "load", "COMPLETE", 60),
            ("shop", "load", "COMPLETE", 120),
            ("shop", "load", "COMPLETE", 180),
            ("shop", "report", "FAIL", 30),
            ("shop", "report", "ABORT", 10),
            ("shop", "load", "RUNNING", 20),
            ("shop", "load", "", 0),
            ("bank", "settle", "COMPLETE", 5),
        )
    ):
        run_id, start = str(uuid.uuid4()), END - timedelta(minutes=40 - minutes)
        events.append((namespace, _event("START", start, run_id, job)))
        if end:
            events.append((namespace, _event(end, start + timedelta(seconds=seconds), run_id, job)))
    return events


def _event(kind: str, moment: datetime, run_id: str, job: str) -> dict[str, Any]:
    facet = {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet.json"}
    error = {**facet, "message": "division by zero", "programmingLanguage": "python"}
    return {
        "eventType": kind,
        "eventTime": moment.isoformat(),
        "run": {"runId": run_id, "facets": {"errorMessage": error} if kind == "FAIL" else {}},
        "job": {"namespace": "jobs", "name": job},
        "inputs": [{"namespace": "db://shop", "name": "orders"}],
        "outputs": [],
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _attributes(**texts: str) -> list[KeyValue]:
    return [KeyValue(key=key.replace("__", "."), value=AnyValue(string_value=text)) for key, text in texts.items()]


def _resource(service: str, version: str = "1.0") -> Resource:
    return Resource(attributes=_attributes(service__name=service, service__version=version))


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1_000_000


def _trace_id(number: int) -> bytes:
    return (number + 1).to_bytes(16)


def _fails(number: int) -> bool:
    return number % 4 == 0


def _call(number: int, moment: datetime) -> ExportTraceServiceRequest:
    """One trace: checkout is asked (10 ms a call so far), asks payments, prices inside, tells others; version 1.1 from half way on."""
    start, request = _nanoseconds(moment), ExportTraceServiceRequest()
    failed = Status(code=Status.STATUS_CODE_ERROR, message="card refused")
    status = failed if _fails(number) else Status(code=Status.STATUS_CODE_OK)
    version = "1.1" if number >= CALLS // 2 else "1.0"

    def span(name: str, kind: Span.SpanKind.ValueType, own: int, parent: int, milliseconds: int) -> Span:
        return Span(
            trace_id=_trace_id(number),
            span_id=own.to_bytes(8),
            parent_span_id=parent.to_bytes(8) if parent else b"",
            name=name,
            kind=kind,
            start_time_unix_nano=start,
            end_time_unix_nano=start + milliseconds * 1_000_000,
            attributes=_attributes(http__route="/pay"),
            status=status if kind in (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT) else None,
        )

    checkout = request.resource_spans.add(resource=_resource("checkout", version)).scope_spans.add()
    checkout.spans.append(span("POST /checkout", Span.SPAN_KIND_SERVER, 1, 0, 10 * (number + 1)))
    checkout.spans.append(span("POST /pay", Span.SPAN_KIND_CLIENT, 2, 1, 5))
    checkout.spans.append(span("price", Span.SPAN_KIND_INTERNAL, 3, 1, 1))
    checkout.spans.append(span("orders send", Span.SPAN_KIND_PRODUCER, 4, 1, 1))
    payments = request.resource_spans.add(resource=_resource("payments", version)).scope_spans.add()
    payments.spans.append(span("POST /pay", Span.SPAN_KIND_SERVER, 5, 2, 4))
    payments.spans.append(span("orders receive", Span.SPAN_KIND_CONSUMER, 6, 4, 2))
    return request


def _log(number: int, moment: datetime) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add(resource=_resource("checkout")).scope_logs.add().log_records.add()
    record.time_unix_nano = _nanoseconds(moment)
    if _fails(number):
        record.severity_text, record.severity_number = "ERROR", SeverityNumber.SEVERITY_NUMBER_ERROR
    else:
        record.severity_text, record.severity_number = "INFO", SeverityNumber.SEVERITY_NUMBER_INFO
    record.body.string_value = f"orderId=o-{number} " + ("refused" if _fails(number) else "paid")
    record.trace_id, record.span_id = _trace_id(number), (1).to_bytes(8)
    return request


def _metrics(moment: datetime) -> ExportMetricsServiceRequest:
    """One data point of each kind."""
    request, time = ExportMetricsServiceRequest(), _nanoseconds(moment)
    metrics = request.resource_metrics.add(resource=_resource("checkout")).scope_metrics.add().metrics
    metrics.add(name="queue").gauge.data_points.add(time_unix_nano=time, as_int=3)
    metrics.add(name="orders").sum.data_points.add(time_unix_nano=time, as_int=20)
    buckets = metrics.add(name="size").histogram.data_points.add(time_unix_nano=time, count=3, sum=6)
    buckets.explicit_bounds.append(2)
    buckets.bucket_counts.extend((1, 2))
    metrics.add(name="weight").exponential_histogram.data_points.add(time_unix_nano=time, count=1, sum=1, scale=1)
    metrics.add(name="wait").summary.data_points.add(time_unix_nano=time, count=1, sum=1)
    return request
