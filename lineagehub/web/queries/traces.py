"""`GET /api/v1/traces` and `/api/v1/traces/{trace_id}`: which traces there are, and the spans of one."""

from __future__ import annotations

from dataclasses import astuple
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.paging import Position
from lineagehub.store.queries.run_telemetry import RunReference, find_run
from lineagehub.store.queries.spans import Span, spans_of_trace
from lineagehub.store.queries.traces import SpanFilter, TraceSummary, find_traces
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.cursors import read_cursor, write_cursor
from lineagehub.web.queries.parameters import read_path, read_query, refuse_parameters
from lineagehub.web.queries.telemetry_parameters import Duration, PageQuery, RunId, Text, WindowQuery, page_request

Status = Annotated[Literal["Unset", "Ok", "Error"], BeforeValidator(str.capitalize)]


class TraceQuery(PageQuery):
    """Which page of a trace's spans."""

    limit: int = Field(1_000, ge=1, le=1_000, description="A page may be shorter: it ends at 8 MiB.")


class Trace(BaseModel):
    """Spans of one trace; all of them if `nextCursor` is null."""

    spans: list[Span] = Field(description="Columns of otel_traces, earliest span first.")
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815 our own answers are in camelCase


class TracesOfRunQuery(WindowQuery):
    """Which traces: those of which one span fits everything here."""

    service: Text | None = Field(None, description="The span's ServiceName.")
    name: Text | None = Field(None, description="The span's SpanName.")
    least_duration: Duration | None = Field(
        None,
        alias="minDuration",
        description="The span's, with ns, us, ms, s, m or h (250ms, 1.5s, 2m), or whole nanoseconds.",
    )
    most_duration: Duration | None = Field(None, alias="maxDuration", description="The span's, like minDuration.")
    status: Status | None = Field(None, description="The span's StatusCode, in any case.")


class TracesQuery(TracesOfRunQuery):
    """Which traces: those of which one span fits everything here."""

    run_id: RunId | None = Field(
        None, alias="runId", description="The span has this run, or the run's events name its trace."
    )


class TracesPage(BaseModel):
    """Traces, newest first by the earliest span that fits."""

    traces: list[TraceSummary]
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815


async def read_trace(request: web.Request) -> web.Response:
    """Answer a page of the spans of a trace; 404 if the caller's namespace has none."""
    trace_id = read_path(request, "trace_id", r"[0-9a-f]{32}", "32 hexadecimal digits")
    query = read_query(request, TraceQuery)
    place = read_cursor(request, TraceQuery, query.cursor)
    after = Position(*place) if place else None
    clickhouse, namespace = request.app[PARTS].clickhouse, namespace_of(request)
    page = await spans_of_trace(clickhouse, namespace, trace_id, query.limit, after)
    if not page.rows and after is None:
        raise Refused(NOT_FOUND, f"There is no trace {trace_id} in this namespace.")
    cursor = write_cursor(request, TraceQuery, [*astuple(page.after)]) if page.after else None
    return model_answer(Trace(spans=[Span.model_validate(row) for _, row in page.rows], nextCursor=cursor))


async def read_traces(request: web.Request) -> web.Response:
    """Answer a page of traces."""
    query = read_query(request, TracesQuery)
    run = None
    if query.run_id is not None:
        run = await find_run(request.app[PARTS].clickhouse, namespace_of(request), query.run_id)
    return model_answer(await traces_page(request, query, run))


async def traces_page(request: web.Request, query: TracesOfRunQuery, run: RunReference | None) -> TracesPage:
    """Return the page of traces that a request asks for, of a run or of the namespace."""
    least, most = query.least_duration, query.most_duration
    if least is not None and most is not None and least > most:
        raise refuse_parameters([Fault("/minDuration", "must be at most maxDuration.")])
    asked = page_request(request, query, bounded=run is None)
    wanted = SpanFilter(asked.since, asked.before, query.service, query.name, query.status, least, most, run)
    traces, after = await find_traces(
        request.app[PARTS].clickhouse, namespace_of(request), wanted, asked.limit, asked.position
    )
    return TracesPage(traces=traces, nextCursor=asked.cursor(request, query, after))
