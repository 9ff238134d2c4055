"""The guarantee over many tables: the telemetry agent is killed with -9 in mid-stream; every table has every row exactly once.

One insert of spans fills two tables and one of metrics five; a crash between them must leave neither a hole nor a double.
"""

from __future__ import annotations

import concurrent.futures
import os
import random
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tests.support.hub import Hub
from tests.support.waiting import wait_until

AGENT = "telemetry-store"
SENDERS = 4
SPANS_A_REQUEST = 500
POINTS_A_KIND = 100
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
DELIVERED_SECONDS = 180
PLACEHOLDER = "00112233445566778899aabbccddeeff"
TIME_NS = 1_760_000_000_000_000_000


@dataclass(frozen=True)
class Scale:
    """How much is sent; each metrics request has `POINTS_A_KIND` points of all five kinds."""

    spans: int
    points: int
    kills: int


@pytest.mark.slow
def test_the_telemetry_agent_killed_in_mid_stream_leaves_every_table_exact(hub: Hub, scale: Scale) -> None:
    service = f"kill-{uuid.uuid4().hex[:8]}"
    traces = [uuid.uuid4().hex for _ in range(scale.spans // SPANS_A_REQUEST)]
    batches = [uuid.uuid4().hex for _ in range(scale.points // (POINTS_A_KIND * len(KINDS)))]
    spans, points = _spans(service), _points(service)
    requests = [("/v1/traces", spans.replace(bytes.fromhex(PLACEHOLDER), bytes.fromhex(trace))) for trace in traces]
    requests += [("/v1/metrics", points.replace(PLACEHOLDER.encode(), batch.encode())) for batch in batches]
    random.Random(9).shuffle(requests)
    kill_after = {len(requests) * (number + 1) // (scale.kills + 1) for number in range(scale.kills)}

    def rows_of(table: str) -> int:
        return hub.count(f"SELECT count() FROM {table} WHERE ServiceName = {{service:String}}", service=service)

    with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
        for number, _ in enumerate(senders.map(lambda request: _send(hub, *request), requests), 1):
            if number in kill_after:
                _kill_in_mid_stream(hub, lambda: rows_of("otel_traces"), scale.spans)

    metric_tables = {f"otel_metrics_{kind}": POINTS_A_KIND * len(batches) for kind in KINDS}
    expected = {"otel_traces": SPANS_A_REQUEST * len(traces)} | metric_tables

    def all_there() -> bool:
        return all(rows_of(table) >= count for table, count in expected.items())

    wait_until(all_there, DELIVERED_SECONDS, f"all rows of {service}")
    assert {table: rows_of(table) for table in expected} == expected
    assert _distinct_spans(hub, service) == expected["otel_traces"]
    for table, count in metric_tables.items():
        assert _distinct_points(hub, table, service) == count, table
    # A trace came as one record, hence as one row.
    assert _trace_rows(hub, service) == (len(traces), len(traces))


def _send(hub: Hub, path: str, body: bytes) -> None:
    answer = hub.request("POST", path, body, {"Content-Type": "application/x-protobuf"})
    assert (answer.status, answer.body) == (200, b"\x0a\x00"), answer


def _kill_in_mid_stream(hub: Hub, stored: Callable[[], int], most: int) -> None:
    before = stored()
    wait_until(lambda: stored() > before or stored() >= most, 60, "delivery to be under way")
    pid = hub.agent_pid(AGENT)
    assert pid is not None, "the agent runs"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: hub.agent_pid(AGENT) not in (None, pid), 60, "the agent's restart")


def _distinct_spans(hub: Hub, service: str) -> int:
    sql = "SELECT uniqExact(TraceId, SpanId) FROM otel_traces WHERE ServiceName = {service:String}"
    return hub.count(sql, service=service)


def _distinct_points(hub: Hub, table: str, service: str) -> int:
    sql = f"SELECT uniqExact(Attributes['batch'], Attributes['point']) FROM {table} WHERE ServiceName = {{service:String}}"
    return hub.count(sql, service=service)


def _trace_rows(hub: Hub, service: str) -> tuple[int, int]:
    sql = (
        "SELECT count() AS rows, uniqExact(TraceId) AS traces FROM otel_traces_trace_id_ts"
        " WHERE TraceId IN (SELECT TraceId FROM otel_traces WHERE ServiceName = {service:String})"
    )
    (row,) = hub.rows(sql, service=service)
    return row["rows"], row["traces"]


def _spans(service: str) -> bytes:
    """Return a request whose trace id is the placeholder."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(_attribute("service.name", service))
    scope = resource.scope_spans.add()
    for number in range(SPANS_A_REQUEST):
        scope.spans.add(
            trace_id=bytes.fromhex(PLACEHOLDER),
            span_id=(number + 1).to_bytes(8, "big"),
            name=f"operation-{number % 10}",
            start_time_unix_nano=TIME_NS,
            end_time_unix_nano=TIME_NS + number,
            attributes=[_attribute("span", str(number))],
        )
    return request.SerializeToString()


def _points(service: str) -> bytes:
    """Return a request with points of every kind, whose batch is the placeholder."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(_attribute("service.name", service))
    scope = resource.scope_metrics.add()
    for kind in KINDS:
        metric: Metric = scope.metrics.add(name=f"kill.{kind}")
        for number in range(POINTS_A_KIND):
            point = getattr(metric, kind).data_points.add(time_unix_nano=TIME_NS)
            point.attributes.extend((_attribute("batch", PLACEHOLDER), _attribute("point", str(number))))
    return request.SerializeToString()


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
