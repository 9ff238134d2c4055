"""`GET /api/v1/logs` on the embedded ClickHouse: every filter, every page, and what is refused."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import pytest_asyncio

from lineagehub.store.landing import OTLP_LOGS_IN
from lineagehub.store.queries import paging
from tests.hub.web.reading import all_pages, get, items, store
from tests.hub.web.running import RunningWeb
from tests.hub.web.telemetry_samples import HOUR, attributes, iso, log, logs_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH = "/api/v1/logs"
NOW = time.time_ns()
AT = NOW - HOUR
TRACE_ID, SPAN_ID, RUN_ID = uuid.uuid4().hex, uuid.uuid4().hex[:16], str(uuid.uuid4())
MEGABYTE = 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """Log records of three services in team-a, and one in team-b."""
    ids = {"trace_id": bytes.fromhex(TRACE_ID), "span_id": bytes.fromhex(SPAN_ID), "flags": 1}
    run = attributes({"lineage.run_id": RUN_ID.upper()})
    checkout = [
        log(AT, "started 100%", severity_number=9, severity_text="INFO", event_name="start", **ids),
        log(AT + 1, "slow_query", severity_number=14, severity_text="WARN2", attributes=run),
        log(AT + 2, 'failed: it\'s \\ "over"', severity_number=17, severity_text="ERROR"),
        log(AT - 48 * HOUR, "old", trace_id=bytes.fromhex(TRACE_ID)),
    ]
    equal_times = [log(AT + 10, f"line {number}") for number in range(7)]
    wholly_equal = [log(AT + 20, "the same")] * 11
    mixed = [log(AT + 30 + number // 3, f"of three {number % 2}") for number in range(12)]
    large = [log(AT + 50, "x" * (3 * MEGABYTE) + str(number)) for number in range(4)]
    clickhouse = reading_web.parts.clickhouse
    await store(clickhouse, OTLP_LOGS_IN, [logs_of("checkout", checkout)])
    await store(clickhouse, OTLP_LOGS_IN, [logs_of("paging", equal_times + wholly_equal + mixed)])
    await store(clickhouse, OTLP_LOGS_IN, [logs_of("large", [record]) for record in large])
    await store(clickhouse, OTLP_LOGS_IN, [logs_of("checkout", [log(AT, "of team-b")])], "team-b")
    return reading_web


async def bodies(web: RunningWeb, **query: Any) -> list[str]:
    return [record["Body"] for record in await items(web, PATH, "logs", **query)]


async def test_a_record_has_the_columns_of_the_table_and_nanoseconds(reads: RunningWeb) -> None:
    (record,) = await items(reads, PATH, "logs", text="started")
    assert record == {
        "Timestamp": iso(AT),
        "TraceId": TRACE_ID,
        "SpanId": SPAN_ID,
        "TraceFlags": 1,
        "SeverityText": "INFO",
        "SeverityNumber": 9,
        "ServiceName": "checkout",
        "Body": "started 100%",
        "ResourceSchemaUrl": "",
        "ResourceAttributes": {"service.name": "checkout"},
        "ScopeSchemaUrl": "",
        "ScopeName": "tests",
        "ScopeVersion": "1.2",
        "ScopeAttributes": {},
        "LogAttributes": {},
        "EventName": "start",
        "RunId": "",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["failed", "slow_query", "started"]),
        ({"severity": "info"}, ["failed", "slow_query", "started"]),
        ({"severity": "WARN"}, ["failed", "slow_query"]),
        ({"severity": "WARN3"}, ["failed"]),
        ({"severity": "14"}, ["failed", "slow_query"]),
        ({"severity": "FATAL"}, []),
        ({"text": "slow"}, ["slow_query"]),
        ({"text": "SLOW"}, []),
        ({"text": "%"}, ["started"]),
        ({"text": "_"}, ["slow_query"]),
        ({"text": "it's \\ \""}, ["failed"]),
        ({"traceId": TRACE_ID.upper()}, ["started", "old"]),
        ({"spanId": SPAN_ID.upper()}, ["started"]),
        ({"runId": RUN_ID.upper()}, ["slow_query"]),
        ({"runId": str(uuid.uuid4())}, []),
        ({"from_": iso(AT + 1)}, ["failed", "slow_query"]),
        ({"from_": iso(AT), "to": iso(AT + 2)}, ["slow_query", "started"]),
        ({"to": iso(AT - 47 * HOUR)}, ["old"]),
        ({"text": "started", "severity": "ERROR"}, []),
    ],
)
async def test_each_filter_finds_what_fits_and_nothing_else_newest_first(
    reads: RunningWeb, query: dict[str, str], found: list[str]
) -> None:
    got = await bodies(reads, service="checkout", **query)
    assert [next(body for body in found if each.startswith(body)) for each in got] == found


async def test_without_a_window_it_is_the_last_24_hours(reads: RunningWeb) -> None:
    assert "old" not in await bodies(reads, service="checkout")
    assert "old" in await bodies(reads, service="checkout", from_=iso(AT - 49 * HOUR))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 10, 11, 12, 18, 29, 30, 31, 1_000])
async def test_pages_serve_each_record_once_where_times_are_equal_and_where_records_are(
    reads: RunningWeb, limit: int
) -> None:
    whole = await items(reads, PATH, "logs", service="paging")
    assert len(whole) == 30
    assert [record["Timestamp"] for record in whole] == sorted((r["Timestamp"] for r in whole), reverse=True)
    pages = await all_pages(reads, PATH, "logs", service="paging", limit=limit)
    assert [record for page in pages for record in page] == whole
    assert all(len(page) == limit for page in pages[:-1])
    assert 0 < len(pages[-1]) <= limit


async def test_a_page_ends_at_its_bytes_and_the_next_goes_on(reads: RunningWeb) -> None:
    pages = await all_pages(reads, PATH, "logs", service="large")
    assert 4 * 3 * MEGABYTE > paging.PAGE_BYTES
    assert [len(page) for page in pages] == [3, 1]
    assert sorted(record["Body"][-1] for page in pages for record in page) == ["0", "1", "2", "3"]


async def test_a_record_that_arrives_between_two_pages_moves_no_other(reads: RunningWeb) -> None:
    service = uuid.uuid4().hex
    first = [log(AT + number // 2, f"early {number}") for number in range(6)]
    await store(reads.parts.clickhouse, OTLP_LOGS_IN, [logs_of(service, first)])
    _, page = await get(reads, PATH, service=service, limit=3)
    late = [log(AT + 5, "newer"), log(AT, "older"), log(AT + 1, "of the same time")]
    await store(reads.parts.clickhouse, OTLP_LOGS_IN, [logs_of(service, late)])
    _, rest = await get(reads, PATH, service=service, limit=100, cursor=page["nextCursor"])
    seen = [record["Body"] for record in page["logs"] + rest["logs"]]
    assert [body for body in sorted(seen) if body.startswith("early")] == [f"early {number}" for number in range(6)]
    assert "older" in seen
    assert "newer" not in seen


async def test_the_window_of_the_first_page_holds_for_all(reads: RunningWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = await get(reads, PATH, service="paging", limit=29)
    monkeypatch.setattr(time, "time_ns", lambda: NOW + 24 * HOUR)
    _, rest = await get(reads, PATH, service="paging", limit=29, cursor=page["nextCursor"])
    assert (len(page["logs"]), len(rest["logs"]), rest["nextCursor"]) == (29, 1, None)
    assert await items(reads, PATH, "logs", service="paging") == []


async def test_another_namespace_has_only_its_own(reads: RunningWeb) -> None:
    for query in ({}, {"service": "checkout"}, {"traceId": TRACE_ID}, {"runId": RUN_ID}):
        found = [record["Body"] for record in await items(reads, PATH, "logs", "stranger", **query)]
        assert found == ([] if "traceId" in query or "runId" in query else ["of team-b"])


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ({"limit": "0"}, "/limit", "greater than or equal to 1"),
        ({"limit": "1001"}, "/limit", "less than or equal to 1000"),
        ({"limit": "1e3"}, "/limit", "integer"),
        ({"service": ""}, "/service", "at least 1"),
        ({"service": "x" * 1_001}, "/service", "at most 1000"),
        ({"text": ""}, "/text", "at least 1"),
        ({"text": "x" * 1_001}, "/text", "at most 1000"),
        ({"severity": "LOUD"}, "/severity", "TRACE, DEBUG, INFO, WARN, ERROR or FATAL"),
        ({"severity": "INFO5"}, "/severity", "1 to 4"),
        ({"severity": "0"}, "/severity", "1 to 24"),
        ({"severity": "25"}, "/severity", "1 to 24"),
        ({"severity": "-1"}, "/severity", "1 to 24"),
        ({"severity": ""}, "/severity", "1 to 24"),
        ({"traceId": TRACE_ID[1:]}, "/traceId", "{32}"),
        ({"traceId": TRACE_ID + "\n"}, "/traceId", "{32}"),
        ({"spanId": "z" * 16}, "/spanId", "{16}"),
        ({"runId": "7"}, "/runId", "{8}"),
        ({"from": "yesterday"}, "/from", "RFC 3339"),
        ({"from": "2026-01-01"}, "/from", "RFC 3339"),
        ({"from": "1767225600"}, "/from", "RFC 3339"),
        ({"to": "2026-02-30T00:00:00Z"}, "/to", "day"),
        ({"to": "1969-12-31T23:59:59Z"}, "/to", "1970 to 2262"),
        ({"to": "2300-01-01T00:00:00Z"}, "/to", "1970 to 2262"),
        ({"to": "9999-12-31T23:59:59-12:00"}, "/to", "1970 to 2262"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/from", "before `to`"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/from", "before `to`"),
        ({"from": "1976-01-01T00:00:00Z", "to": "2076-01-01T00:00:00Z"}, "/from", "31 days"),
        ({"from": iso(NOW - 32 * 24 * HOUR)}, "/from", "31 days"),
    ],
)
async def test_a_wrong_parameter_is_400_with_its_pointer_and_what_it_may_be(
    reads: RunningWeb, query: dict[str, str], pointer: str, words: str
) -> None:
    status, problem = await get(reads, PATH, **query)
    assert (status, problem["reason"]) == (400, "invalid_parameter")
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


@pytest.mark.parametrize("name", ["service", "limit", "cursor", "from"])
async def test_a_parameter_given_twice_is_400(reads: RunningWeb, name: str) -> None:
    status, problem = await get(reads, PATH, **{name: ["1", "1"]})
    assert (status, [error["pointer"] for error in problem["errors"]]) == (400, [f"/{name}"])


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "{ns:String}", "\\", "a'b\\", "\u2028", "\0", "FORMAT JSONEachRow", "%ff", "🦊"]
)
async def test_text_that_looks_like_sql_is_only_text(reads: RunningWeb, text: str) -> None:
    assert await items(reads, PATH, "logs", service=text) == []
    assert await items(reads, PATH, "logs", text=text * 3) == []


@pytest.mark.parametrize("raw", ["%ED%A0%80", "%ff", "%00"])
async def test_bytes_that_are_no_text_are_no_fault_of_the_hub(reads: RunningWeb, raw: str) -> None:
    async with reads.client.get(f"{reads.url}{PATH}?service={raw}", headers=reads.headers("reader")) as answer:
        assert answer.status in {200, 400}
