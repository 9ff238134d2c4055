"""`GET /api/v1/jobs/runs/{id}/…` on the embedded ClickHouse: a run's telemetry by its attribute and by the trace of its facet."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint

from lineagehub.store.landing import LINEAGE_EVENTS_IN, OTLP_LOGS_IN, OTLP_METRICS_IN, OTLP_TRACES_IN
from tests.hub.web.reading import all_pages, get, items, store
from tests.hub.web.running import RunningWeb
from tests.hub.web.samples import run_event
from tests.hub.web.telemetry_samples import HOUR, attributes, iso, log, logs_of, metrics_of, span, spans_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = time.time_ns() - 48 * HOUR
BY_ATTRIBUTE, BY_FACET, BY_BOTH, SILENT = (str(uuid.uuid4()) for _ in range(4))
ATTRIBUTE_TRACE, FACET_TRACE, BOTH_TRACE = (uuid.uuid4().hex for _ in range(3))
PARTS = {"traces": "traces", "spans": "spans", "logs": "logs", "metrics": "points"}
ROOT = "00000000000000a1"


def _event(run_id: str, trace_id: str | None) -> bytes:
    facets = {"lineagehub_trace": {"traceId": trace_id, "spanId": ROOT}} if trace_id else {}
    return json.dumps(run_event(run={"runId": run_id, "facets": facets})).encode()


def _of_run(run_id: str) -> list[Any]:
    return attributes({"lineage.run_id": run_id})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """Three runs of two days ago: one known by the attribute alone, one by its facet, one by both; and one without telemetry."""
    clickhouse = reading_web.parts.clickhouse
    events = [_event(BY_FACET.upper(), FACET_TRACE.upper()), _event(BY_BOTH, BOTH_TRACE), _event(SILENT, None)]
    await store(clickhouse, LINEAGE_EVENTS_IN, [*events, _event(SILENT, "' OR 1=1 --")])
    spans = [
        span(ATTRIBUTE_TRACE, ROOT, AT, name="by attribute", attributes=_of_run(BY_ATTRIBUTE.upper())),
        span(ATTRIBUTE_TRACE, "00000000000000a2", AT + 1, name="of nobody"),
        span(FACET_TRACE, ROOT, AT + 2, name="by facet"),
        span(FACET_TRACE, "00000000000000a2", AT + 3, name="by facet, too"),
        span(BOTH_TRACE, ROOT, AT + 4, name="of the trace"),
        span(uuid.uuid4().hex, ROOT, AT + 5, name="of another trace", attributes=_of_run(BY_BOTH)),
    ]
    logs = [
        log(AT, "by attribute", severity_number=9, attributes=_of_run(BY_ATTRIBUTE)),
        log(AT + 1, "by facet", severity_number=17, trace_id=bytes.fromhex(FACET_TRACE)),
        log(AT + 2, "of the trace", trace_id=bytes.fromhex(BOTH_TRACE)),
        log(AT + 3, "of no trace", attributes=_of_run(BY_BOTH)),
    ]
    await store(clickhouse, OTLP_TRACES_IN, [spans_of("etl", spans)])
    await store(clickhouse, OTLP_LOGS_IN, [logs_of("etl", logs)])
    rows = NumberDataPoint(time_unix_nano=AT, as_int=7)
    metrics = metrics_of("etl", [Metric(name="rows", gauge=Gauge(data_points=[rows]))], run_id=BY_BOTH)
    await store(clickhouse, OTLP_METRICS_IN, [metrics])
    # Another tenant's span and log record in the trace that the facet of team-a's run names, and under the run's id.
    foreign = span(FACET_TRACE, ROOT, AT, name="foreign", attributes=_of_run(BY_FACET))
    await store(clickhouse, OTLP_TRACES_IN, [spans_of("etl", [foreign])], "team-b")
    return reading_web


async def names(web: RunningWeb, run_id: str, part: str, role: str = "reader", **query: Any) -> list[str]:
    """Return what tells the items of a run's part from one another."""
    member = {"traces": "rootSpanName", "spans": "SpanName", "logs": "Body", "metrics": "MetricName"}[part]
    found = await items(web, f"/api/v1/jobs/runs/{run_id}/{part}", PARTS[part], role, **query)
    return [item[member] for item in found]


@pytest.mark.parametrize(
    ("run_id", "part", "found"),
    [
        (BY_ATTRIBUTE, "traces", ["by attribute"]),
        (BY_ATTRIBUTE, "spans", ["by attribute"]),
        (BY_ATTRIBUTE, "logs", ["by attribute"]),
        (BY_ATTRIBUTE, "metrics", []),
        (BY_FACET, "traces", ["by facet"]),
        (BY_FACET, "spans", ["by facet, too", "by facet"]),
        (BY_FACET, "logs", ["by facet"]),
        (BY_FACET, "metrics", []),
        (BY_BOTH, "traces", ["of another trace", "of the trace"]),
        (BY_BOTH, "spans", ["of another trace", "of the trace"]),
        (BY_BOTH, "logs", ["of no trace", "of the trace"]),
        (BY_BOTH, "metrics", ["rows"]),
        *((SILENT, part, []) for part in PARTS),
    ],
)
async def test_a_run_leads_to_its_telemetry_by_attribute_and_by_facet_whenever_it_was(
    reads: RunningWeb, run_id: str, part: str, found: list[str]
) -> None:
    assert await names(reads, run_id, part) == found
    assert await names(reads, run_id.upper(), part) == found


async def test_the_searches_by_run_find_the_same(reads: RunningWeb) -> None:
    for run_id in (BY_ATTRIBUTE, BY_FACET, BY_BOTH, SILENT):
        for part in ("traces", "logs"):
            by_run = await items(reads, f"/api/v1/jobs/runs/{run_id}/{part}", PARTS[part])
            assert await items(reads, f"/api/v1/{part}", PARTS[part], runId=run_id) == by_run
    by_run = await items(reads, f"/api/v1/jobs/runs/{BY_BOTH}/metrics", "points")
    assert await items(reads, "/api/v1/metrics/points", "points", runId=BY_BOTH, name="rows") == by_run


async def test_filters_narrow_what_a_run_has(reads: RunningWeb) -> None:
    assert await names(reads, BY_FACET, "logs", severity="ERROR") == ["by facet"]
    assert await names(reads, BY_FACET, "logs", severity="FATAL") == []
    assert await names(reads, BY_FACET, "traces", name="by facet, too") == ["by facet"]
    assert await names(reads, BY_FACET, "spans", from_=iso(AT + 3)) == ["by facet, too"]
    assert await names(reads, BY_BOTH, "metrics", name="rows", kind="gauge") == ["rows"]
    assert await names(reads, BY_BOTH, "metrics", name="other") == []


async def test_a_runs_spans_come_in_pages(reads: RunningWeb) -> None:
    for part in ("traces", "spans", "logs"):
        pages = await all_pages(reads, f"/api/v1/jobs/runs/{BY_BOTH}/{part}", PARTS[part], limit=1)
        assert [len(page) for page in pages] == [1, 1]


@pytest.mark.parametrize("part", PARTS)
async def test_a_run_that_the_namespace_knows_in_no_way_is_404(reads: RunningWeb, part: str) -> None:
    for role, run_id in (("reader", str(uuid.uuid4())), ("stranger", BY_BOTH), ("stranger", SILENT)):
        status, problem = await get(reads, f"/api/v1/jobs/runs/{run_id}/{part}", role)
        assert (status, problem["reason"]) == (404, "not_found")


async def test_another_tenants_spans_of_the_same_trace_and_run_stay_its_own(reads: RunningWeb) -> None:
    assert await names(reads, BY_FACET, "spans", "stranger") == ["foreign"]
    assert await names(reads, BY_FACET, "logs", "stranger") == []


@pytest.mark.parametrize("part", PARTS)
async def test_wrong_parameters_are_400(reads: RunningWeb, part: str) -> None:
    for path, query, pointer in (
        (f"/api/v1/jobs/runs/7/{part}", {}, "/id"),
        (f"/api/v1/jobs/runs/{BY_BOTH}/{part}", {"limit": "1001"}, "/limit"),
        (f"/api/v1/jobs/runs/{BY_BOTH}/{part}", {"from": "1"}, "/from"),
    ):
        status, problem = await get(reads, path, **query)
        assert (status, [error["pointer"] for error in problem["errors"]]) == (400, [pointer])
