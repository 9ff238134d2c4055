"""`GET /api/v1/jobs/runs/{id}/…`: the traces, spans, log records and metric points of one run.

They carry the run's id in the attribute `lineage.run_id`, or (but for metrics) are of a trace that the run facet `lineagehub_trace`
names. A run is known by its events or by telemetry that carries its id; one that the namespace does not know either way is 404.
"""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.store.queries.run_telemetry import RunReference, find_run, is_known
from lineagehub.store.queries.spans import Span, spans_of_run
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.logs import LogsOfRunQuery, logs_page
from lineagehub.web.queries.metrics import PointsOfRunQuery, points_page
from lineagehub.web.queries.parameters import read_path, read_query
from lineagehub.web.queries.runs import UUID
from lineagehub.web.queries.telemetry_parameters import WindowQuery, page_request
from lineagehub.web.queries.traces import TracesOfRunQuery, traces_page


class SpansOfRunQuery(WindowQuery):
    """Which spans of a run."""


class SpansPage(BaseModel):
    """Spans, newest first."""

    spans: list[Span] = Field(description="Columns of otel_traces.")
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815 our own answers are in camelCase


async def read_run_traces(request: web.Request) -> web.Response:
    """Answer a page of the traces of a run."""
    query, run = read_query(request, TracesOfRunQuery), await _run(request)
    page = await traces_page(request, query, run)
    return await _answer(request, run, page, bool(page.traces))


async def read_run_spans(request: web.Request) -> web.Response:
    """Answer a page of the spans of a run."""
    query, run = read_query(request, SpansOfRunQuery), await _run(request)
    asked = page_request(request, query, bounded=False)
    clickhouse, namespace = request.app[PARTS].clickhouse, namespace_of(request)
    page = await spans_of_run(clickhouse, namespace, run, asked.since, asked.before, asked.limit, asked.position)
    spans = [Span.model_validate(row) for _, row in page.rows]
    answer = SpansPage(spans=spans, nextCursor=asked.cursor(request, query, page.after))
    return await _answer(request, run, answer, bool(spans))


async def read_run_logs(request: web.Request) -> web.Response:
    """Answer a page of the log records of a run."""
    query, run = read_query(request, LogsOfRunQuery), await _run(request)
    page = await logs_page(request, query, run)
    return await _answer(request, run, page, bool(page.logs))


async def read_run_metrics(request: web.Request) -> web.Response:
    """Answer a page of the metric points of a run."""
    query, run = read_query(request, PointsOfRunQuery), await _run(request)
    page = await points_page(request, query, run)
    return await _answer(request, run, page, bool(page.points))


async def _run(request: web.Request) -> RunReference:
    run_id = read_path(request, "id", UUID, "a UUID")
    return await find_run(request.app[PARTS].clickhouse, namespace_of(request), run_id)


async def _answer(request: web.Request, run: RunReference, page: BaseModel, found: bool) -> web.Response:
    if not found and not await is_known(request.app[PARTS].clickhouse, namespace_of(request), run):
        raise Refused(NOT_FOUND, f"There is no run {run.run_id} in this namespace, and no telemetry of one.")
    return model_answer(page)
