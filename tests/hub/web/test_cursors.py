"""Cursors: only the hub's own, of the same namespace, path and parameters, lead on; everything else is 400 that says what to do."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint

from lineagehub.store.landing import OTLP_LOGS_IN, OTLP_METRICS_IN, OTLP_TRACES_IN
from tests.hub.web.reading import get, store
from tests.hub.web.running import RunningWeb
from tests.hub.web.telemetry_samples import HOUR, attributes, log, logs_of, metrics_of, span, spans_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = time.time_ns() - HOUR
RUN_ID = str(uuid.uuid4())
TRACE_ID = uuid.uuid4().hex
REQUESTS: list[tuple[str, dict[str, str]]] = [
    ("/api/v1/traces", {"service": "etl"}),
    (f"/api/v1/traces/{TRACE_ID}", {}),
    ("/api/v1/logs", {"service": "etl"}),
    ("/api/v1/metrics", {"service": "etl"}),
    ("/api/v1/metrics/points", {"name": "rows", "service": "etl"}),
    (f"/api/v1/jobs/runs/{RUN_ID}/traces", {"service": "etl"}),
    (f"/api/v1/jobs/runs/{RUN_ID}/spans", {}),
    (f"/api/v1/jobs/runs/{RUN_ID}/logs", {"service": "etl"}),
    (f"/api/v1/jobs/runs/{RUN_ID}/metrics", {"service": "etl"}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """The same telemetry in both namespaces, enough for two pages of one item each in every read."""
    run = attributes({"lineage.run_id": RUN_ID})
    traces = [TRACE_ID, uuid.uuid4().hex]
    spans = [
        span(trace_id, f"{number:016x}", AT + number, attributes=run) for trace_id in traces for number in (1, 2, 3)
    ]
    logs = [log(AT + number, f"line {number}", attributes=run) for number in range(3)]
    points = [NumberDataPoint(time_unix_nano=AT + number, as_int=number, attributes=run) for number in range(3)]
    metrics = [Metric(name=name, gauge=Gauge(data_points=points)) for name in ("rows", "columns", "cells")]
    for namespace in ("team-a", "team-b"):
        clickhouse = reading_web.parts.clickhouse
        await store(clickhouse, OTLP_TRACES_IN, [spans_of("etl", spans)], namespace)
        await store(clickhouse, OTLP_LOGS_IN, [logs_of("etl", logs)], namespace)
        await store(clickhouse, OTLP_METRICS_IN, [metrics_of("etl", metrics)], namespace)
    return reading_web


async def first_cursor(web: RunningWeb, path: str, query: dict[str, str]) -> str:
    status, answer = await get(web, path, limit=1, **query)
    assert status == 200, answer
    cursor: str = answer["nextCursor"]
    return cursor


async def refused(web: RunningWeb, path: str, cursor: str, role: str = "reader", **query: Any) -> None:
    status, problem = await get(web, path, role, cursor=cursor, **query)
    assert (status, problem["reason"]) == (400, "bad_cursor"), problem
    assert [error["pointer"] for error in problem["errors"]] == ["/cursor"]
    assert "begin again without it" in problem["errors"][0]["detail"]


@pytest.mark.parametrize(("path", "query"), REQUESTS)
async def test_a_cursor_leads_on_with_any_limit(reads: RunningWeb, path: str, query: dict[str, str]) -> None:
    cursor = await first_cursor(reads, path, query)
    assert len(cursor) < 400
    for limit in (1, 100):
        status, _ = await get(reads, path, limit=limit, cursor=cursor, **query)
        assert status == 200


@pytest.mark.parametrize(("path", "query"), REQUESTS)
async def test_another_namespace_can_do_nothing_with_a_cursor(
    reads: RunningWeb, path: str, query: dict[str, str]
) -> None:
    cursor = await first_cursor(reads, path, query)
    assert (await get(reads, path, "stranger", **query))[0] == 200
    await refused(reads, path, cursor, "stranger", **query)


@pytest.mark.parametrize(("path", "query"), REQUESTS)
async def test_a_cursor_is_of_one_read(reads: RunningWeb, path: str, query: dict[str, str]) -> None:
    cursor = await first_cursor(reads, path, query)
    for other_path, other_query in REQUESTS:
        if other_path != path:
            await refused(reads, other_path, cursor, **other_query)


@pytest.mark.parametrize(("path", "query"), REQUESTS)
async def test_a_cursor_is_of_the_parameters_it_was_made_with(
    reads: RunningWeb, path: str, query: dict[str, str]
) -> None:
    cursor = await first_cursor(reads, path, query)
    if "service" in query:
        await refused(reads, path, cursor, **{**query, "service": "other"})
    if not path.endswith(TRACE_ID):
        await refused(reads, path, cursor, **query, to="2026-01-01T00:00:00Z")


async def test_of_a_repeated_parameter_each_value_counts(reads: RunningWeb) -> None:
    path, query = "/api/v1/metrics/points", {"name": "rows", "attribute": f"lineage.run_id:{RUN_ID}"}
    cursor = await first_cursor(reads, path, query)
    await refused(reads, path, cursor, name="rows", attribute=[query["attribute"], query["attribute"]])
    await refused(reads, path, cursor, name="rows")


async def test_no_changed_character_goes_unnoticed(reads: RunningWeb) -> None:
    path, query = REQUESTS[2]
    cursor = await first_cursor(reads, path, query)
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for index in range(len(raw)):
        changed = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]
        await refused(reads, path, base64.urlsafe_b64encode(changed).decode().rstrip("="), **query)
    await refused(reads, path, cursor[:-4], **query)
    await refused(reads, path, cursor + "AAAA", **query)


@pytest.mark.parametrize(
    "cursor", ["", "1", "AAAA", "é", "1" * 4_000, "%00", "null", "MQ", "eyJhdCI6MH0", "a b", "=" * 8]
)
async def test_what_is_no_cursor_is_refused(reads: RunningWeb, cursor: str) -> None:
    for path, query in REQUESTS:
        await refused(reads, path, cursor, **query)


async def test_a_cursor_that_is_too_long_is_a_wrong_parameter(reads: RunningWeb) -> None:
    status, problem = await get(reads, "/api/v1/logs", cursor="1" * 4_001)
    assert (status, problem["reason"]) == (400, "invalid_parameter")
    assert "at most 4000" in problem["errors"][0]["detail"]
