"""Rows of the five tables of metrics."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric

from tests.support.otlp_rows.values import attribute_texts, run_id

_SHARED = (
    "ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName,"
    " MetricName, MetricDescription, MetricUnit, Attributes, toUnixTimestamp64Nano(StartTimeUnix) AS StartTimeUnix,"
    " toUnixTimestamp64Nano(TimeUnix) AS TimeUnix, Flags, Namespace, RunId"
)
_EXEMPLARS = (
    ", Exemplars.FilteredAttributes, arrayMap(t -> toUnixTimestamp64Nano(t), Exemplars.TimeUnix) AS `Exemplars.TimeUnix`,"
    " arrayMap(v -> reinterpretAsUInt64(v), Exemplars.Value) AS `Exemplars.Value`, Exemplars.SpanId, Exemplars.TraceId"
)
_NUMBER = f"{_SHARED}{_EXEMPLARS}, reinterpretAsUInt64(Value) AS Value, IntValue"
_DISTRIBUTION = f"{_SHARED}, Count, reinterpretAsUInt64(Sum) AS Sum"
_BOUNDED = f"{_DISTRIBUTION}{_EXEMPLARS}, reinterpretAsUInt64(Min) AS Min, reinterpretAsUInt64(Max) AS Max, AggregationTemporality"
TABLES = {
    "otel_metrics_gauge": _NUMBER,
    "otel_metrics_sum": f"{_NUMBER}, AggregationTemporality, IsMonotonic",
    "otel_metrics_histogram": f"{_BOUNDED}, BucketCounts, arrayMap(b -> reinterpretAsUInt64(b), ExplicitBounds) AS ExplicitBounds",
    "otel_metrics_exponential_histogram": (
        f"{_BOUNDED}, Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, NegativeOffset, NegativeBucketCounts"
    ),
    "otel_metrics_summary": (
        f"{_DISTRIBUTION}, arrayMap(q -> reinterpretAsUInt64(q), ValueAtQuantiles.Quantile) AS `ValueAtQuantiles.Quantile`,"
        " arrayMap(v -> reinterpretAsUInt64(v), ValueAtQuantiles.Value) AS `ValueAtQuantiles.Value`"
    ),
}


def item_count(request: ExportMetricsServiceRequest) -> int:
    """Return the number of data points."""
    return sum(len(list(_points(metric))) for *_, metric in _metrics(request))


def expected_rows(request: ExportMetricsServiceRequest, namespace: str) -> dict[str, list[dict[str, Any]]]:
    """Return the row of each valid data point, by table."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for resource, scope, metric in _metrics(request):
        kind = metric.WhichOneof("data") or ""
        resource_attributes = attribute_texts(resource.resource.attributes)
        shared = {
            "ResourceAttributes": resource_attributes,
            "ResourceSchemaUrl": resource.schema_url,
            "ScopeName": scope.scope.name,
            "ScopeVersion": scope.scope.version,
            "ScopeAttributes": attribute_texts(scope.scope.attributes),
            "ScopeDroppedAttrCount": scope.scope.dropped_attributes_count,
            "ScopeSchemaUrl": scope.schema_url,
            "ServiceName": resource_attributes.get("service.name", ""),
            "MetricName": metric.name,
            "MetricDescription": metric.description,
            "MetricUnit": metric.unit,
            "Namespace": namespace,
        }
        for point in _points(metric):
            if max(point.time_unix_nano, point.start_time_unix_nano) >= 1 << 63:
                continue
            attributes = attribute_texts(point.attributes)
            rows[f"otel_metrics_{kind}"].append(
                shared
                | {
                    "Attributes": attributes,
                    "StartTimeUnix": point.start_time_unix_nano,
                    "TimeUnix": point.time_unix_nano,
                    "Flags": point.flags,
                    "RunId": run_id(attributes, resource_attributes),
                }
                | _ROWS[kind](metric, point)
            )
    return rows


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[tuple[Any, Any, Metric]]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield resource, scope, metric


def _points(metric: Metric) -> Iterable[Any]:
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _bits(number: float) -> int:
    """Return a number bit for bit, so that no rounding of a printed one hides a difference."""
    return int.from_bytes(struct.pack("<d", number), "little")


def _value(point: Any) -> float:
    kind = point.WhichOneof("value")
    return float(getattr(point, kind)) if kind else 0.0


def _exemplars(exemplars: Iterable[Exemplar]) -> dict[str, Any]:
    return {
        "Exemplars.FilteredAttributes": [attribute_texts(exemplar.filtered_attributes) for exemplar in exemplars],
        "Exemplars.TimeUnix": [exemplar.time_unix_nano for exemplar in exemplars],
        "Exemplars.Value": [_bits(_value(exemplar)) for exemplar in exemplars],
        "Exemplars.SpanId": [exemplar.span_id.hex() or "0" * 16 for exemplar in exemplars],
        "Exemplars.TraceId": [exemplar.trace_id.hex() or "0" * 32 for exemplar in exemplars],
    }


def _number(_: Metric, point: Any) -> dict[str, Any]:
    integer = point.as_int if point.WhichOneof("value") == "as_int" else None
    return _exemplars(point.exemplars) | {"Value": _bits(_value(point)), "IntValue": integer}


def _sum(metric: Metric, point: Any) -> dict[str, Any]:
    return _number(metric, point) | {
        "AggregationTemporality": metric.sum.aggregation_temporality,
        "IsMonotonic": metric.sum.is_monotonic,
    }


def _distribution(point: Any) -> dict[str, Any]:
    return {"Count": point.count, "Sum": _bits(point.sum)}


def _bounded(point: Any) -> dict[str, Any]:
    return _distribution(point) | _exemplars(point.exemplars) | {"Min": _bits(point.min), "Max": _bits(point.max)}


def _histogram(metric: Metric, point: Any) -> dict[str, Any]:
    return _bounded(point) | {
        "AggregationTemporality": metric.histogram.aggregation_temporality,
        "BucketCounts": list(point.bucket_counts),
        "ExplicitBounds": [_bits(bound) for bound in point.explicit_bounds],
    }


def _exponential_histogram(metric: Metric, point: Any) -> dict[str, Any]:
    return _bounded(point) | {
        "AggregationTemporality": metric.exponential_histogram.aggregation_temporality,
        "Scale": point.scale,
        "ZeroCount": point.zero_count,
        "PositiveOffset": point.positive.offset,
        "PositiveBucketCounts": list(point.positive.bucket_counts),
        "NegativeOffset": point.negative.offset,
        "NegativeBucketCounts": list(point.negative.bucket_counts),
    }


def _summary(_: Metric, point: Any) -> dict[str, Any]:
    return _distribution(point) | {
        "ValueAtQuantiles.Quantile": [_bits(value.quantile) for value in point.quantile_values],
        "ValueAtQuantiles.Value": [_bits(value.value) for value in point.quantile_values],
    }


_ROWS = {
    "gauge": _number,
    "sum": _sum,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}
