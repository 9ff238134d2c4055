"""`POST /v1/metrics`: OTLP/HTTP metrics, as OpenTelemetry SDKs and Collectors send them. Data points are what is checked and counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import ScopeMetrics

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.lineage import Fault
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import OTEL_METRICS
from lineagehub.otlp.outline import DATA_POINTS, Outline, Reading
from lineagehub.web.receivers.otlp import Signal, receive
from lineagehub.web.receivers.otlp_json import encoder_of
from lineagehub.web.receivers.otlp_traces import LATEST_NANOSECOND, all_before_2262

_BAD_TIME = Fault("timeUnixNano", "a time after the year 2262", Reason.TIMESTAMP_OUT_OF_RANGE)


def point_fault(point: Any) -> Fault | None:
    """Return what is wrong with a data point of any kind, or None."""
    if point.time_unix_nano > LATEST_NANOSECOND or point.start_time_unix_nano > LATEST_NANOSECOND:
        return _BAD_TIME
    return None


def points_fit(reading: Reading) -> bool:
    """Tell whether no data point has a fault."""
    return all(all_before_2262(points.time_unix_nano, points.start_time_unix_nano) for points in reading.gathered)


def _data_of(scope: ScopeMetrics) -> Iterator[Message]:
    for metric in scope.metrics:
        kind = metric.WhichOneof("data")
        if kind is not None:
            yield getattr(metric, kind)


METRICS = Signal(
    name="metrics",
    topic=OTEL_METRICS,
    kind=ContentKind.METRICS,
    request_type=ExportMetricsServiceRequest,
    response_type=ExportMetricsServiceResponse,
    json=encoder_of(ExportMetricsServiceRequest.DESCRIPTOR),
    levels=("resource_metrics", "scope_metrics"),
    items="data_points",
    fault_of=point_fault,
    outline=Outline(
        ExportMetricsServiceRequest,
        DATA_POINTS,
        gather=("time_unix_nano", "start_time_unix_nano"),
    ),
    all_fit=points_fit,
    holders_of=_data_of,
)


async def receive_metrics(request: web.Request) -> web.Response:
    """Take one ExportMetricsServiceRequest."""
    return await receive(request, METRICS)
