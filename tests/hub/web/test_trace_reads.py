"""`GET /api/v1/traces` and `/api/v1/traces/{trace_id}` on the embedded ClickHouse: filters, summaries, pages, tenants."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from lineagehub.store.landing import OTLP_TRACES_IN
from tests.hub.web.reading import all_pages, get, items, store
from tests.hub.web.running import RunningWeb
from tests.hub.web.telemetry_samples import HOUR, MILLISECOND, SECOND, attributes, iso, span, spans_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH = "/api/v1/traces"
NOW = time.time_ns()
AT = NOW - HOUR
ORDER, REFUND, OLD, PARTIAL = (uuid.uuid4().hex for _ in range(4))
NAMES = {ORDER: "order", REFUND: "refund", OLD: "old", PARTIAL: "partial"}
SHARED = uuid.uuid4().hex
RUN_ID = str(uuid.uuid4())
ROOT, CHILD, GRANDCHILD = "00000000000000a1", "00000000000000a2", "00000000000000a3"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """Traces of several services in team-a, one of which is older than a day; SHARED is a trace of team-a and of team-b."""
    clickhouse = reading_web.parts.clickhouse
    event = Span.Event(time_unix_nano=AT + 7, name="retry", attributes=attributes({"attempt": "2"}))
    link = Span.Link(
        trace_id=bytes.fromhex(REFUND),
        span_id=bytes.fromhex(CHILD),
        trace_state="a=b",
        attributes=attributes({"k": "v"}),
    )
    web = [
        span(ORDER, ROOT, AT, 900 * MILLISECOND, name="POST /orders", kind=2),
        span(REFUND, ROOT, AT + SECOND, 2 * SECOND, name="POST /refunds", kind=2, status=Status(code=1)),
        span(OLD, ROOT, AT - 48 * HOUR, 1, name="POST /orders"),
    ]
    store_spans = [
        span(
            ORDER,
            CHILD,
            AT + 5,
            1_200 * MILLISECOND,
            name="INSERT",
            kind=3,
            parent_span_id=bytes.fromhex(ROOT),
            trace_state="vendor=1",
            status=Status(code=2, message="deadlock"),
            events=[event],
            links=[link],
            attributes=attributes({"lineage.run_id": RUN_ID.upper(), "db.system": "postgresql"}),
        ),
        span(ORDER, GRANDCHILD, AT + 6, 250 * MILLISECOND, name="SELECT", parent_span_id=bytes.fromhex(CHILD)),
        span(PARTIAL, CHILD, AT + 2 * SECOND, 10, name="SELECT", parent_span_id=bytes.fromhex(ROOT)),
    ]
    await store(clickhouse, OTLP_TRACES_IN, [spans_of("web", web), spans_of("store", store_spans)])
    of_same_time = [span(f"{number:032x}", ROOT, AT + 10, name="tick") for number in range(1, 24)]
    repeated = [
        span(SHARED, f"{1 + number // 4:016x}", AT + number // 6, name=f"step {number // 4}") for number in range(24)
    ]
    await store(clickhouse, OTLP_TRACES_IN, [spans_of("ticker", of_same_time), spans_of("steps", repeated)])
    await store(clickhouse, OTLP_TRACES_IN, [spans_of("web", [span(SHARED, ROOT, AT, name="of team-b")])], "team-b")
    return reading_web


async def test_a_span_has_all_columns_with_its_events_and_links(reads: RunningWeb) -> None:
    spans = await items(reads, f"{PATH}/{ORDER}", "spans")
    assert [found["SpanName"] for found in spans] == ["POST /orders", "INSERT", "SELECT"]
    assert spans[1] == {
        "Timestamp": iso(AT + 5),
        "TraceId": ORDER,
        "SpanId": CHILD,
        "ParentSpanId": ROOT,
        "TraceState": "vendor=1",
        "SpanName": "INSERT",
        "SpanKind": "Client",
        "ServiceName": "store",
        "ResourceAttributes": {"service.name": "store"},
        "ScopeName": "tests",
        "ScopeVersion": "1.2",
        "SpanAttributes": {"lineage.run_id": RUN_ID.upper(), "db.system": "postgresql"},
        "Duration": 1_200 * MILLISECOND,
        "StatusCode": "Error",
        "StatusMessage": "deadlock",
        "Events": [{"Timestamp": iso(AT + 7), "Name": "retry", "Attributes": {"attempt": "2"}}],
        "Links": [{"TraceId": REFUND, "SpanId": CHILD, "TraceState": "a=b", "Attributes": {"k": "v"}}],
        "RunId": RUN_ID,
    }


async def test_a_summary_is_of_all_spans_of_the_trace_whatever_was_asked_for(reads: RunningWeb) -> None:
    (summary,) = await items(reads, PATH, "traces", name="INSERT")
    assert summary == {
        "traceId": ORDER,
        "rootSpanName": "POST /orders",
        "rootServiceName": "web",
        "services": ["store", "web"],
        "startTime": iso(AT),
        "durationNanos": 1_200 * MILLISECOND + 5,
        "spanCount": 3,
        "errorCount": 1,
    }


async def test_a_trace_whose_root_has_not_arrived_says_so(reads: RunningWeb) -> None:
    (summary,) = await items(reads, PATH, "traces", name="SELECT", maxDuration="10ns")
    assert (summary["traceId"], summary["rootSpanName"], summary["rootServiceName"]) == (PARTIAL, None, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"service": "web"}, ["refund", "order"]),
        ({"service": "store"}, ["partial", "order"]),
        ({"service": "stor"}, []),
        ({"name": "POST /orders"}, ["order"]),
        ({"name": "SELECT"}, ["partial", "order"]),
        ({"service": "web", "name": "SELECT"}, []),
        ({"status": "error"}, ["order"]),
        ({"status": "Ok"}, ["refund"]),
        ({"status": "UNSET", "service": "store"}, ["partial", "order"]),
        ({"status": "error", "service": "web"}, []),
        ({"minDuration": "1.2s"}, ["refund", "order"]),
        ({"minDuration": "1200000001"}, ["refund"]),
        ({"minDuration": "1300ms"}, ["refund"]),
        ({"minDuration": "900ms", "maxDuration": "900000us"}, ["order"]),
        ({"minDuration": "2s", "service": "store"}, []),
        ({"minDuration": "2m"}, []),
        ({"maxDuration": "10", "service": "store"}, ["partial"]),
        ({"runId": RUN_ID}, ["order"]),
        ({"runId": RUN_ID.upper(), "name": "SELECT"}, []),
        ({"runId": str(uuid.uuid4())}, []),
        ({"from_": iso(AT + SECOND)}, ["partial", "refund"]),
        ({"from_": iso(AT - 48 * HOUR), "to": iso(AT + 1), "service": "web"}, ["order", "old"]),
        ({"to": iso(AT - 47 * HOUR)}, ["old"]),
    ],
)
async def test_a_trace_is_found_if_one_span_fits_every_filter_newest_first(
    reads: RunningWeb, query: dict[str, str], found: list[str]
) -> None:
    traces = await items(reads, PATH, "traces", **query)
    assert [NAMES[trace["traceId"]] for trace in traces if trace["services"] not in (["ticker"], ["steps"])] == found


@pytest.mark.parametrize("limit", [1, 2, 5, 22, 23, 24])
async def test_pages_serve_each_trace_once_where_all_begin_at_one_time(reads: RunningWeb, limit: int) -> None:
    pages = await all_pages(reads, PATH, "traces", service="ticker", limit=limit)
    assert [trace["traceId"] for page in pages for trace in page] == [f"{number:032x}" for number in range(23, 0, -1)]
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("limit", [1, 4, 6, 23, 24, 25])
async def test_pages_serve_each_span_of_a_trace_once_where_spans_are_wholly_equal(
    reads: RunningWeb, limit: int
) -> None:
    whole = await items(reads, f"{PATH}/{SHARED}", "spans")
    assert len(whole) == 24
    assert [found["Timestamp"] for found in whole] == sorted(found["Timestamp"] for found in whole)
    pages = await all_pages(reads, f"{PATH}/{SHARED}", "spans", limit=limit)
    assert [found for page in pages for found in page] == whole
    assert all(len(page) == limit for page in pages[:-1])


async def test_another_namespace_has_only_its_own_even_of_a_shared_trace_id(reads: RunningWeb) -> None:
    for trace_id in (ORDER, uuid.uuid4().hex):
        status, problem = await get(reads, f"{PATH}/{trace_id}", "stranger")
        assert (status, problem["reason"]) == (404, "not_found")
    (summary,) = await items(reads, PATH, "traces", "stranger")
    assert (summary["traceId"], summary["spanCount"], summary["services"]) == (SHARED, 1, ["web"])
    assert [found["SpanName"] for found in await items(reads, f"{PATH}/{SHARED}", "spans", "stranger")] == ["of team-b"]
    assert await items(reads, PATH, "traces", "stranger", runId=RUN_ID) == []


async def test_durations_beyond_64_bits_do_not_wrap(reads: RunningWeb) -> None:
    trace_id, service = uuid.uuid4().hex, uuid.uuid4().hex
    endless = span(trace_id, ROOT, AT, name="endless")
    endless.end_time_unix_nano = 2**64 - 1
    await store(reads.parts.clickhouse, OTLP_TRACES_IN, [spans_of(service, [endless])])
    (summary,) = await items(reads, PATH, "traces", service=service, minDuration="2000000h")
    assert summary["durationNanos"] == 2**64 - 1 - AT
    (found,) = await items(reads, f"{PATH}/{trace_id}", "spans")
    assert found["Duration"] == 2**64 - 1 - AT


@pytest.mark.parametrize("year", [2106, 2150, 2261])
async def test_a_span_of_a_far_year_is_found(reads: RunningWeb, year: int) -> None:
    trace_id = uuid.uuid4().hex
    start = (year - 1970) * 31_556_952 * SECOND
    await store(reads.parts.clickhouse, OTLP_TRACES_IN, [spans_of("far", [span(trace_id, ROOT, start, name="far")])])
    assert len(await items(reads, f"{PATH}/{trace_id}", "spans")) == 1


BAD_PARAMETERS: list[tuple[dict[str, Any], str, str]] = [
    ({"limit": "0"}, "/limit", "greater than or equal to 1"),
    ({"limit": "1001"}, "/limit", "less than or equal to 1000"),
    ({"service": ""}, "/service", "at least 1"),
    ({"name": "x" * 1_001}, "/name", "at most 1000"),
    ({"status": "bad"}, "/status", "'Unset', 'Ok' or 'Error'"),
    ({"minDuration": ""}, "/minDuration", "250ms"),
    ({"minDuration": "-1"}, "/minDuration", "250ms"),
    ({"minDuration": "1e3"}, "/minDuration", "250ms"),
    ({"minDuration": "5 s"}, "/minDuration", "250ms"),
    ({"minDuration": "1d"}, "/minDuration", "250ms"),
    ({"minDuration": "٣s"}, "/minDuration", "250ms"),
    ({"maxDuration": "1.5"}, "/maxDuration", "whole number of nanoseconds"),
    ({"maxDuration": "9223372036854775808"}, "/maxDuration", "292 years"),
    ({"maxDuration": "9999999999999h"}, "/maxDuration", "292 years"),
    ({"minDuration": "2s", "maxDuration": "1s"}, "/minDuration", "at most maxDuration"),
    ({"runId": "7"}, "/runId", "{8}"),
    ({"from": "now-1h"}, "/from", "RFC 3339"),
    ({"from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}, "/from", "31 days"),
]


@pytest.mark.parametrize(("query", "pointer", "words"), BAD_PARAMETERS)
async def test_a_wrong_parameter_is_400_with_its_pointer_and_what_it_may_be(
    reads: RunningWeb, query: dict[str, str], pointer: str, words: str
) -> None:
    status, problem = await get(reads, PATH, **query)
    assert (status, problem["reason"]) == (400, "invalid_parameter")
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


async def test_wrong_parameters_of_one_trace_are_400(reads: RunningWeb) -> None:
    status, problem = await get(reads, f"{PATH}/{ORDER}", limit=1_001)
    assert (status, problem["errors"][0]["pointer"]) == (400, "/limit")
    status, problem = await get(reads, f"{PATH}/{ORDER}0", limit=1)
    assert (status, problem["errors"][0]["pointer"]) == (400, "/trace_id")


async def test_a_summary_cuts_names_of_a_megabyte(reads: RunningWeb) -> None:
    service = uuid.uuid4().hex
    root = span(uuid.uuid4().hex, ROOT, AT, name="é" * (400 << 10))
    await store(reads.parts.clickhouse, OTLP_TRACES_IN, [spans_of(service, [root])])
    (summary,) = await items(reads, PATH, "traces", service=service)
    assert summary["rootSpanName"] == "é" * 200
