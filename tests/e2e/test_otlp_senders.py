"""OTLP senders that know nothing of LineageHub, configured by OTEL_* variables alone: what they sent is what ClickHouse has.

opentelemetry-sdk (Python) speaks protobuf with a Content-Length, opentelemetry-js speaks JSON or protobuf in chunks.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.hub import Hub, clean_environment
from tests.support.missing import skip_or_fail
from tests.support.opentelemetry_js import APPLICATION, NodeMissing, node_modules
from tests.support.stored_telemetry import assert_stored_once

SENT = {
    "otel_traces": 700,
    "otel_logs": 600,
    "otel_metrics_sum": 2,
    "otel_metrics_gauge": 1,
    "otel_metrics_histogram": 1,
    "otel_metrics_exponential_histogram": 1,
}
SEND_SECONDS = 60


@dataclass(frozen=True)
class Sender:
    """An application, and the encoding and compression that its variables ask for."""

    start: Callable[[], tuple[list[str], dict[str, str]]]
    protocol: str
    compression: str


def _python() -> tuple[list[str], dict[str, str]]:
    return [sys.executable, str(Path(__file__).with_name("opentelemetry_python") / "send.py")], {}


def _javascript() -> tuple[list[str], dict[str, str]]:
    try:
        return ["node", str(APPLICATION / "send.cjs")], {"NODE_PATH": str(node_modules())}
    except NodeMissing as missing:
        skip_or_fail(str(missing))


APPLICATIONS = {
    f"{name}-{protocol.removeprefix('http/')}-{compression}": Sender(start, protocol, compression)
    for name, start, protocols in (
        ("python", _python, ("http/protobuf",)),
        ("javascript", _javascript, ("http/json", "http/protobuf")),
    )
    for protocol in protocols
    for compression in ("none", "gzip")
}


@pytest.mark.parametrize("sender", APPLICATIONS.values(), ids=APPLICATIONS)
def test_an_unmodified_sender_needs_only_its_variables_and_everything_arrives_once(hub: Hub, sender: Sender) -> None:
    service = f"service-{uuid.uuid4().hex}"
    trace_id = _send(hub, sender, service)
    assert_stored_once(hub, service, SENT)
    _assert_spans(hub, service, trace_id)
    _assert_metrics(hub, service)
    _assert_logs(hub, service, trace_id)


def _send(hub: Hub, sender: Sender, service: str) -> str:
    """Run the application to its end; return the trace id of what it sent."""
    command, needs = sender.start()
    variables = {
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_EXPORTER_OTLP_ENDPOINT": hub.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{hub.api_key}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": sender.protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": sender.compression,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
    }
    result = subprocess.run(
        command, env=clean_environment() | needs | variables, capture_output=True, text=True, timeout=SEND_SECONDS
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr, "an exporter that is refused says so here, and goes on"
    return result.stdout.strip()


def _assert_spans(hub: Hub, service: str, trace_id: str) -> None:
    numbers = hub.rows(
        "SELECT uniqExact(SpanAttributes['number']) AS steps, min(toUInt32(SpanAttributes['number'])) AS first, "
        "max(toUInt32(SpanAttributes['number'])) AS last, uniqExact(ParentSpanId) AS parents, any(TraceId) AS trace, "
        "uniqExact(TraceId) AS traces FROM otel_traces "
        "WHERE ServiceName = {service:String} AND SpanName = 'step'",
        service=service,
    )
    assert numbers == [{"steps": 698, "first": 0, "last": 697, "parents": 1, "trace": trace_id, "traces": 1}]
    [step] = hub.rows(
        "SELECT SpanKind, ScopeName, ScopeVersion, SpanAttributes, Events.Name AS events, Events.Attributes AS attributes, "
        "ResourceAttributes['deployment.environment.name'] AS environment FROM otel_traces "
        "WHERE ServiceName = {service:String} AND SpanAttributes['number'] = '7'",
        service=service,
    )
    assert step == {
        "SpanKind": "Internal",
        "ScopeName": "shop.loader",
        "ScopeVersion": "1.2.3",
        "SpanAttributes": {"number": "7", "ratio": "0.5", "last": "false"},
        "events": ["row"],
        "attributes": [{"table": "größe"}],
        "environment": "test",
    }
    [write] = hub.rows(
        "SELECT w.SpanKind AS kind, w.StatusCode AS status, w.StatusMessage AS message, l.SpanKind AS parent, "
        "w.Links.SpanId = [l.SpanId] AS linked FROM otel_traces AS w JOIN otel_traces AS l ON l.SpanId = w.ParentSpanId "
        "WHERE w.ServiceName = {service:String} AND w.SpanName = 'write'",
        service=service,
    )
    assert write == {
        "kind": "Client",
        "status": "Error",
        "message": "the disk is full",
        "parent": "Consumer",
        "linked": 1,
    }


def _assert_metrics(hub: Hub, service: str) -> None:
    sums = hub.rows(
        "SELECT MetricName, MetricUnit, MetricDescription, Attributes, Value, IsMonotonic, AggregationTemporality "
        "FROM otel_metrics_sum WHERE ServiceName = {service:String} ORDER BY MetricName",
        service=service,
    )
    assert sums == [
        {
            "MetricName": "connections.open",
            "MetricUnit": "",
            "MetricDescription": "",
            "Attributes": {},
            "Value": 3,
            "IsMonotonic": False,
            "AggregationTemporality": 2,
        },
        {
            "MetricName": "orders.read",
            "MetricUnit": "{order}",
            "MetricDescription": "Orders read",
            "Attributes": {"shop": "a"},
            "Value": 7,
            "IsMonotonic": True,
            "AggregationTemporality": 2,
        },
    ]
    gauges = hub.rows(
        "SELECT MetricName, Value FROM otel_metrics_gauge WHERE ServiceName = {service:String}", service=service
    )
    assert gauges == [{"MetricName": "queue.depth", "Value": 17.5}]
    histograms = hub.rows(
        "SELECT MetricName, MetricUnit, Count, Sum, Min, Max, arraySum(BucketCounts) AS counted, "
        "length(BucketCounts) - length(ExplicitBounds) AS more FROM otel_metrics_histogram "
        "WHERE ServiceName = {service:String}",
        service=service,
    )
    assert histograms == [
        {
            "MetricName": "load.duration",
            "MetricUnit": "ms",
            "Count": 3,
            "Sum": 128,
            "Min": 1,
            "Max": 120,
            "counted": 3,
            "more": 1,
        }
    ]
    exponential = hub.rows(
        "SELECT MetricName, Count, Sum, Min, Max, ZeroCount, arraySum(PositiveBucketCounts) AS counted, Scale > 0 AS fine "
        "FROM otel_metrics_exponential_histogram WHERE ServiceName = {service:String}",
        service=service,
    )
    assert exponential == [
        {
            "MetricName": "row.size",
            "Count": 3,
            "Sum": 128,
            "Min": 1,
            "Max": 120,
            "ZeroCount": 0,
            "counted": 3,
            "fine": 1,
        }
    ]


def _assert_logs(hub: Hub, service: str, trace_id: str) -> None:
    [records] = hub.rows(
        "SELECT uniqExact(Body) AS bodies, uniqExact(LogAttributes['number']) AS numbers, any(SeverityText) AS text, "
        "any(SeverityNumber) AS number, uniqExact(TraceId, SpanId) AS contexts, any(TraceId) AS trace, "
        "countIf(Body = 'row 599 is late') AS last FROM otel_logs WHERE ServiceName = {service:String}",
        service=service,
    )
    assert records == {
        "bodies": 600,
        "numbers": 600,
        "text": "WARN",
        "number": 13,
        "contexts": 1,
        "trace": trace_id,
        "last": 1,
    }
