"""`GET /api/v1/metrics` and `/api/v1/metrics/points` on the embedded ClickHouse: five kinds, exact numbers, filters, pages."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)

from lineagehub.store.landing import OTLP_METRICS_IN
from tests.hub.web.reading import all_pages, get, items, store
from tests.hub.web.running import RunningWeb
from tests.hub.web.telemetry_samples import HOUR, attributes, iso, metrics_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH, POINTS = "/api/v1/metrics", "/api/v1/metrics/points"
NOW = time.time_ns()
AT = NOW - HOUR + 123
RUN_ID = str(uuid.uuid4())
TRACE_ID, SPAN_ID = uuid.uuid4().hex, uuid.uuid4().hex[:16]
LARGEST_INT, LARGEST_UINT = 2**63 - 1, 2**64 - 1
LONG_NAME = "n" * 400
KINDS = ["exponential_histogram", "gauge", "histogram", "sum", "summary"]


def number(at: int, value: float | int, **point_attributes: str) -> NumberDataPoint:
    """Return a point of a gauge or sum."""
    member = "as_int" if isinstance(value, int) else "as_double"
    return NumberDataPoint(
        time_unix_nano=at, start_time_unix_nano=at - 5, attributes=attributes(point_attributes), **{member: value}
    )


def gauge(name: str, *points: NumberDataPoint, **members: str) -> Metric:
    """Return a gauge."""
    return Metric(name=name, gauge=Gauge(data_points=points), **members)


def five_kinds(name: str) -> list[Metric]:
    """Return a metric of each kind, all of one name; each a nanosecond later than the one before, in the order of KINDS."""
    exemplar = Exemplar(
        time_unix_nano=AT + 1,
        as_double=float("inf"),
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=bytes.fromhex(SPAN_ID),
        filtered_attributes=attributes({"user": "7"}),
    )
    exponential = ExponentialHistogramDataPoint(
        time_unix_nano=AT,
        count=LARGEST_UINT,
        sum=float("-inf"),
        scale=-3,
        zero_count=2,
        min=-1.5,
        max=2.5,
        positive=ExponentialHistogramDataPoint.Buckets(offset=4, bucket_counts=[1, LARGEST_UINT]),
        negative=ExponentialHistogramDataPoint.Buckets(offset=-4, bucket_counts=[3]),
    )
    histogram = HistogramDataPoint(
        time_unix_nano=AT + 2,
        count=2**53 + 1,
        sum=float("nan"),
        bucket_counts=[2**53 + 1, 0],
        explicit_bounds=[0.1, float("inf")],
        min=0.25,
        max=1e300,
        exemplars=[exemplar],
    )
    summary = SummaryDataPoint(
        time_unix_nano=AT + 4,
        count=3,
        sum=6.0,
        quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=float("nan"))],
    )
    return [
        Metric(
            name=name, exponential_histogram=ExponentialHistogram(data_points=[exponential], aggregation_temporality=1)
        ),
        gauge(name, number(AT + 1, float("nan")), unit="1", description="of all kinds"),
        Metric(name=name, histogram=Histogram(data_points=[histogram], aggregation_temporality=2)),
        Metric(
            name=name, sum=Sum(data_points=[number(AT + 3, LARGEST_INT)], aggregation_temporality=2, is_monotonic=True)
        ),
        Metric(name=name, summary=Summary(data_points=[summary])),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """Metrics of several services in team-a, and one in team-b."""
    clickhouse = reading_web.parts.clickhouse
    rooms = gauge(
        "room/temperature.celsius",
        number(AT, 19.5, room="a:1", floor="1"),
        number(AT + 1, 20, room="b", floor="1"),
        number(AT + 2, 21.0, floor="2"),
        number(AT - 48 * HOUR, 1.0, room="old"),
        unit="Cel",
        description="How warm it is.",
    )
    job = gauge("rows", number(AT, 7, **{"lineage.run_id": RUN_ID.upper()}), number(AT, 8))
    long_names = [gauge(LONG_NAME + ending, number(AT, 1)) for ending in ("a", "b", "c")]
    await store(clickhouse, OTLP_METRICS_IN, [metrics_of("house", [rooms]), metrics_of("job", [job])])
    await store(clickhouse, OTLP_METRICS_IN, [metrics_of("kinds", five_kinds("all.kinds"))])
    await store(clickhouse, OTLP_METRICS_IN, [metrics_of("names", long_names)])
    equal = [gauge("equal", *(number(AT + index // 6, index // 3) for index in range(24)))]
    sums = Sum(data_points=[number(AT + index // 6, index // 4) for index in range(24)])
    await store(clickhouse, OTLP_METRICS_IN, [metrics_of("equal", [*equal, Metric(name="equal", sum=sums)])])
    other = [gauge("rows", number(AT, 99))]
    await store(clickhouse, OTLP_METRICS_IN, [metrics_of("job", other)], "team-b")
    return reading_web


async def values(web: RunningWeb, role: str = "reader", **query: Any) -> list[Any]:
    return [point["Value"] for point in await items(web, POINTS, "points", role, **query)]


async def test_points_of_all_five_kinds_have_the_fields_of_their_kind(reads: RunningWeb) -> None:
    points = await items(reads, POINTS, "points", name="all.kinds")
    assert [point["kind"] for point in points] == KINDS[::-1]
    summary, sum_, histogram, gauge_, exponential = points
    shared = {
        "ResourceAttributes": {"service.name": "kinds"},
        "ResourceSchemaUrl": "",
        "ScopeName": "tests",
        "ScopeVersion": "1.2",
        "ScopeAttributes": {},
        "ScopeDroppedAttrCount": 0,
        "ScopeSchemaUrl": "",
        "ServiceName": "kinds",
        "MetricName": "all.kinds",
        "MetricDescription": "",
        "MetricUnit": "",
        "Attributes": {},
        "StartTimeUnix": "1970-01-01T00:00:00.000000000Z",
        "Flags": 0,
        "RunId": "",
    }
    exemplar = {
        "FilteredAttributes": {"user": "7"},
        "TimeUnix": iso(AT + 1),
        "Value": "Infinity",
        "SpanId": SPAN_ID,
        "TraceId": TRACE_ID,
    }
    assert summary == shared | {
        "kind": "summary",
        "TimeUnix": iso(AT + 4),
        "Count": "3",
        "Sum": 6.0,
        "ValueAtQuantiles": [{"Quantile": 0.5, "Value": "NaN"}],
    }
    assert sum_ == shared | {
        "kind": "sum",
        "StartTimeUnix": iso(AT - 2),
        "TimeUnix": iso(AT + 3),
        "Value": float(LARGEST_INT),
        "IntValue": str(LARGEST_INT),
        "AggregationTemporality": 2,
        "IsMonotonic": True,
        "Exemplars": [],
    }
    assert histogram == shared | {
        "kind": "histogram",
        "TimeUnix": iso(AT + 2),
        "Count": str(2**53 + 1),
        "Sum": "NaN",
        "BucketCounts": [str(2**53 + 1), "0"],
        "ExplicitBounds": [0.1, "Infinity"],
        "Min": 0.25,
        "Max": 1e300,
        "AggregationTemporality": 2,
        "Exemplars": [exemplar],
    }
    assert gauge_ == shared | {
        "kind": "gauge",
        "MetricUnit": "1",
        "MetricDescription": "of all kinds",
        "StartTimeUnix": iso(AT - 4),
        "TimeUnix": iso(AT + 1),
        "Value": "NaN",
        "IntValue": None,
        "Exemplars": [],
    }
    assert exponential == shared | {
        "kind": "exponential_histogram",
        "TimeUnix": iso(AT),
        "Count": str(LARGEST_UINT),
        "Sum": "-Infinity",
        "Scale": -3,
        "ZeroCount": "2",
        "PositiveOffset": 4,
        "PositiveBucketCounts": ["1", str(LARGEST_UINT)],
        "NegativeOffset": -4,
        "NegativeBucketCounts": ["3"],
        "Min": -1.5,
        "Max": 2.5,
        "AggregationTemporality": 1,
        "Exemplars": [],
    }


@pytest.mark.parametrize("value", [0, -1, 2**53 + 1, -(2**63), 0.1, 1e19, 1.5e25, 2.0**64, 5e-324, -0.0])
async def test_numbers_come_back_exactly(reads: RunningWeb, value: float | int) -> None:
    service = uuid.uuid4().hex
    await store(reads.parts.clickhouse, OTLP_METRICS_IN, [metrics_of(service, [gauge("exact", number(AT, value))])])
    (point,) = await items(reads, POINTS, "points", name="exact", service=service)
    assert point["Value"] == float(value)
    assert point["IntValue"] == (str(value) if isinstance(value, int) else None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [21.0, 20.0, 19.5]),
        ({"service": "house"}, [21.0, 20.0, 19.5]),
        ({"service": "job"}, []),
        ({"kind": "gauge"}, [21.0, 20.0, 19.5]),
        ({"kind": "sum"}, []),
        ({"attribute": "floor:1"}, [20.0, 19.5]),
        ({"attribute": ["floor:1", "room:b"]}, [20.0]),
        ({"attribute": ["floor:2", "room:b"]}, []),
        ({"attribute": "room:a:1"}, [19.5]),
        ({"attribute": "room:"}, []),
        ({"attribute": "nothing:"}, []),
        ({"attribute": "room:' OR 1=1 --"}, []),
        ({"from_": iso(AT + 1)}, [21.0, 20.0]),
        ({"from_": iso(AT), "to": iso(AT + 1)}, [19.5]),
        ({"to": iso(AT - 47 * HOUR)}, [1.0]),
        ({"runId": RUN_ID}, []),
    ],
)
async def test_each_filter_finds_the_points_that_fit_newest_first(
    reads: RunningWeb, query: dict[str, Any], found: list[float]
) -> None:
    assert await values(reads, name="room/temperature.celsius", **query) == found


async def test_points_of_a_run_are_those_that_carry_its_id(reads: RunningWeb) -> None:
    assert await values(reads, name="rows", runId=RUN_ID.upper()) == [7.0]


async def test_the_list_of_metrics_has_each_name_and_kind_once(reads: RunningWeb) -> None:
    found = await items(reads, PATH, "metrics", name="temperature")
    assert found == [
        {
            "name": "room/temperature.celsius",
            "kind": "gauge",
            "unit": "Cel",
            "description": "How warm it is.",
            "services": ["house"],
            "pointCount": 3,
            "lastTime": iso(AT + 2),
        }
    ]
    kinds = await items(reads, PATH, "metrics", service="kinds")
    assert [(entry["name"], entry["kind"], entry["pointCount"]) for entry in kinds] == [
        ("all.kinds", kind, 1) for kind in KINDS
    ]
    assert await items(reads, PATH, "metrics", name="TEMPERATURE") == []
    assert await items(reads, PATH, "metrics", name="temperature", to=iso(AT)) == []


async def test_the_list_of_metrics_cuts_texts_of_a_megabyte(reads: RunningWeb) -> None:
    service, text = uuid.uuid4().hex, "é" * (100 << 10)
    long = gauge(text, number(AT, 1), unit=text, description=text)
    await store(reads.parts.clickhouse, OTLP_METRICS_IN, [metrics_of(service, [long])])
    (found,) = await items(reads, PATH, "metrics", service=service)
    assert (found["name"], found["unit"], found["description"]) == ("é" * 1_000,) * 3


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 8])
async def test_pages_of_the_list_have_each_metric_once_by_name(reads: RunningWeb, limit: int) -> None:
    found: dict[str, list[Any]] = {}
    for service in ("kinds", "names"):
        pages = await all_pages(reads, PATH, "metrics", service=service, limit=limit)
        assert all(len(page) == limit for page in pages[:-1])
        found[service] = [(entry["name"], entry["kind"]) for page in pages for entry in page]
    assert found["kinds"] == [("all.kinds", kind) for kind in KINDS]
    # Names that are alike in their first 200 characters come in some order, but each once.
    assert sorted(found["names"]) == [(LONG_NAME + ending, "gauge") for ending in "abc"]


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 7, 11, 12, 24, 47, 48, 49])
async def test_pages_serve_each_point_once_where_times_and_points_of_two_kinds_are_equal(
    reads: RunningWeb, limit: int
) -> None:
    whole = await items(reads, POINTS, "points", name="equal")
    assert len(whole) == 48
    pages = await all_pages(reads, POINTS, "points", name="equal", limit=limit)
    assert [point for page in pages for point in page] == whole
    assert all(len(page) == limit for page in pages[:-1])


async def test_pages_go_on_where_one_kind_is_cut_by_its_bytes(reads: RunningWeb) -> None:
    service, padding = uuid.uuid4().hex, "x" * (900 << 10)
    for index in range(12):
        large = gauge("mixed", number(AT + 2 * index, index, padding=padding))
        small = Metric(name="mixed", sum=Sum(data_points=[number(AT + 2 * index + 1, index)]))
        await store(reads.parts.clickhouse, OTLP_METRICS_IN, [metrics_of(service, [large, small])])
    pages = await all_pages(reads, POINTS, "points", name="mixed", service=service)
    assert len(pages) > 1
    times = [point["TimeUnix"] for page in pages for point in page]
    assert times == [iso(AT + index) for index in range(23, -1, -1)]


async def test_another_namespace_has_only_its_own(reads: RunningWeb) -> None:
    assert await values(reads, "stranger", name="rows") == [99.0]
    assert await values(reads, "stranger", name="rows", runId=RUN_ID) == []
    assert [entry["name"] for entry in await items(reads, PATH, "metrics", "stranger")] == ["rows"]


@pytest.mark.parametrize(
    ("path", "query", "pointer", "words"),
    [
        (PATH, {"limit": "0"}, "/limit", "greater than or equal to 1"),
        (PATH, {"limit": "1001"}, "/limit", "less than or equal to 1000"),
        (PATH, {"name": ""}, "/name", "at least 1"),
        (PATH, {"service": "x" * 1_001}, "/service", "at most 1000"),
        (PATH, {"from": "x"}, "/from", "RFC 3339"),
        (PATH, {"from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}, "/from", "31 days"),
        (POINTS, {}, "/name", "required"),
        (POINTS, {"name": "a", "kind": "counter"}, "/kind", "'gauge', 'sum', 'histogram'"),
        (POINTS, {"name": "a", "attribute": "novalue"}, "/attribute/0", "key:value"),
        (POINTS, {"name": "a", "attribute": ":value"}, "/attribute/0", "key:value"),
        (POINTS, {"name": "a", "attribute": "k:" + "x" * 1_000}, "/attribute/0", "1,000"),
        (POINTS, {"name": "a", "attribute": ["k:v"] * 11}, "/attribute", "at most 10"),
        (POINTS, {"name": "a", "runId": "7"}, "/runId", "{8}"),
        (POINTS, {"name": "a", "to": "2026-13-01T00:00:00Z"}, "/to", "month"),
        (POINTS, {"name": "a", "from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}, "/from", "31 days"),
        (POINTS, {"name": ["a", "b"]}, "/name", "twice"),
    ],
)
async def test_a_wrong_parameter_is_400_with_its_pointer_and_what_it_may_be(
    reads: RunningWeb, path: str, query: dict[str, Any], pointer: str, words: str
) -> None:
    status, problem = await get(reads, path, **query)
    assert (status, problem["reason"]) == (400, "invalid_parameter")
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
