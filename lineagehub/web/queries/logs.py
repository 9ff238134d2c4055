"""`GET /api/v1/logs`: log records, newest first."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.store.queries.logs import LogFilter, LogRecord, find_logs
from lineagehub.store.queries.run_telemetry import RunReference, find_run
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.telemetry_parameters import (
    RunId,
    Severity,
    SpanId,
    Text,
    TraceId,
    WindowQuery,
    page_request,
)


class LogsOfRunQuery(WindowQuery):
    """Which log records: those that fit everything here."""

    service: Text | None = Field(None, description="The ServiceName.")
    severity: Severity | None = Field(
        None, description="At least this: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, one of these with 1 to 4, or 1 to 24."
    )
    text: Text | None = Field(None, description="Stands in the Body, letter for letter.")
    trace_id: TraceId | None = Field(None, alias="traceId")
    span_id: SpanId | None = Field(None, alias="spanId")


class LogsQuery(LogsOfRunQuery):
    """Which log records: those that fit everything here."""

    run_id: RunId | None = Field(
        None, alias="runId", description="Of this run, or of a trace that the run's events name."
    )


class LogsPage(BaseModel):
    """Log records, newest first."""

    logs: list[LogRecord] = Field(description="Columns of otel_logs.")
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815 our own answers are in camelCase


async def read_logs(request: web.Request) -> web.Response:
    """Answer a page of log records."""
    query = read_query(request, LogsQuery)
    run = None
    if query.run_id is not None:
        run = await find_run(request.app[PARTS].clickhouse, namespace_of(request), query.run_id)
    return model_answer(await logs_page(request, query, run))


async def logs_page(request: web.Request, query: LogsOfRunQuery, run: RunReference | None) -> LogsPage:
    """Return the page of log records that a request asks for, of a run or of the namespace."""
    asked = page_request(request, query, bounded=run is None and query.trace_id is None)
    wanted = LogFilter(
        asked.since, asked.before, query.service, query.severity, query.text, query.trace_id, query.span_id, run
    )
    page = await find_logs(request.app[PARTS].clickhouse, namespace_of(request), wanted, asked.limit, asked.position)
    records = [LogRecord.model_validate(row) for _, row in page.rows]
    return LogsPage(logs=records, nextCursor=asked.cursor(request, query, page.after))
