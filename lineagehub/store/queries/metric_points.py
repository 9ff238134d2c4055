"""Data points of a namespace's metrics, of all five kinds, as the exporter's tables hold them.

JSON has neither every Float64 nor, for many readers, integers above 2^53: both are written as OTLP/JSON does, which is protobuf's JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import NEWEST_FIRST, Conditions, Page, Position, Source, columns_of, read_page
from lineagehub.store.queries.run_telemetry import RunReference

_NOT_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _double(value: Any) -> Any:
    return _NOT_NUMBERS.get(value, value) if isinstance(value, str) else value


Double = Annotated[
    Annotated[float, Field(strict=True)] | Literal["NaN", "Infinity", "-Infinity"], BeforeValidator(_double)
]
"""A Float64: a number, or the name of what JSON has no number for."""

Integer64 = Annotated[str, BeforeValidator(str), Field(pattern=r"^-?[0-9]+$", description="An integer, as text.")]
"""An Int64 or UInt64, exactly."""


class Exemplar(BaseModel):
    """One exemplar. An id of zeros is none."""

    FilteredAttributes: dict[str, str]
    TimeUnix: str
    Value: Double
    SpanId: str
    TraceId: str


class ValueAtQuantile(BaseModel):
    """One quantile of a summary."""

    Quantile: Double
    Value: Double


class _Point(BaseModel):
    ResourceAttributes: dict[str, str]
    ResourceSchemaUrl: str
    ScopeName: str
    ScopeVersion: str
    ScopeAttributes: dict[str, str]
    ScopeDroppedAttrCount: int
    ScopeSchemaUrl: str
    ServiceName: str
    MetricName: str
    MetricDescription: str
    MetricUnit: str
    Attributes: dict[str, str]
    StartTimeUnix: str
    TimeUnix: str = Field(description="RFC 3339 with nanoseconds.")
    Flags: int
    RunId: str = Field(description="The attribute lineage.run_id of the point, else of its resource.")


class GaugePoint(_Point):
    """A point of a gauge."""

    kind: Literal["gauge"] = "gauge"
    Value: Double
    IntValue: Integer64 | None = Field(description="The value exactly, if it was sent as an integer.")
    Exemplars: list[Exemplar]


class SumPoint(_Point):
    """A point of a sum."""

    kind: Literal["sum"] = "sum"
    Value: Double
    IntValue: Integer64 | None = Field(description="The value exactly, if it was sent as an integer.")
    AggregationTemporality: int = Field(description="1 delta, 2 cumulative.")
    IsMonotonic: bool
    Exemplars: list[Exemplar]


class HistogramPoint(_Point):
    """A point of a histogram with explicit bounds."""

    kind: Literal["histogram"] = "histogram"
    Count: Integer64
    Sum: Double
    BucketCounts: list[Integer64]
    ExplicitBounds: list[Double]
    Min: Double
    Max: Double
    AggregationTemporality: int = Field(description="1 delta, 2 cumulative.")
    Exemplars: list[Exemplar]


class ExponentialHistogramPoint(_Point):
    """A point of an exponential histogram."""

    kind: Literal["exponential_histogram"] = "exponential_histogram"
    Count: Integer64
    Sum: Double
    Scale: int
    ZeroCount: Integer64
    PositiveOffset: int
    PositiveBucketCounts: list[Integer64]
    NegativeOffset: int
    NegativeBucketCounts: list[Integer64]
    Min: Double
    Max: Double
    AggregationTemporality: int = Field(description="1 delta, 2 cumulative.")
    Exemplars: list[Exemplar]


class SummaryPoint(_Point):
    """A point of a summary."""

    kind: Literal["summary"] = "summary"
    Count: Integer64
    Sum: Double
    ValueAtQuantiles: list[ValueAtQuantile]


Kind = Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
MetricPoint = Annotated[
    GaugePoint | SumPoint | HistogramPoint | ExponentialHistogramPoint | SummaryPoint, Field(discriminator="kind")
]

VIEWS: dict[Kind, str] = {
    "gauge": "read_metrics_gauge",
    "sum": "read_metrics_sum",
    "histogram": "read_metrics_histogram",
    "exponential_histogram": "read_metrics_exponential_histogram",
    "summary": "read_metrics_summary",
}
_MODELS: dict[Kind, type[_Point]] = {
    "gauge": GaugePoint,
    "sum": SumPoint,
    "histogram": HistogramPoint,
    "exponential_histogram": ExponentialHistogramPoint,
    "summary": SummaryPoint,
}
POINTS: dict[Kind, Source] = {
    kind: Source(kind, VIEWS[kind], "TimeUnix", tuple(name for name in columns_of(model) if name != "kind"))
    for kind, model in _MODELS.items()
}


@dataclass(frozen=True, slots=True)
class PointFilter:
    """Which points; None is any. Times are nanoseconds since the epoch; every one of `attributes` is among the point's own."""

    since: int | None = None
    before: int | None = None
    name: str | None = None
    service: str | None = None
    kind: Kind | None = None
    attributes: Sequence[tuple[str, str]] = ()
    run: RunReference | None = None


async def find_points(
    clickhouse: ClickHouse, namespace: str, wanted: PointFilter, limit: int, after: Position | None
) -> Page:
    """Return a page of points, newest first; a row's source is its kind."""
    sources = [POINTS[wanted.kind]] if wanted.kind else list(POINTS.values())
    conditions = Conditions({"ns": namespace})
    conditions.add_window(sources[0], wanted.since, wanted.before)
    if wanted.name is not None:
        conditions.add("MetricName = {name:String}", name=wanted.name)
    if wanted.service is not None:
        conditions.add("ServiceName = {service:String}", service=wanted.service)
    for number, (key, value) in enumerate(wanted.attributes):
        key_name, value_name = f"key{number}", f"value{number}"
        conditions.add(
            f"mapContains(Attributes, {{{key_name}:String}}) AND Attributes[{{{key_name}:String}}] = {{{value_name}:String}}",
            **{key_name: key, value_name: value},
        )
    if wanted.run is not None:
        wanted.run.restrict_by_attribute(conditions)
    return await read_page(clickhouse, sources, conditions, NEWEST_FIRST, limit, after)
