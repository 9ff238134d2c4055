"""Spans of a namespace, as the exporter's table holds them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import (
    EARLIEST_FIRST,
    NEWEST_FIRST,
    Conditions,
    Page,
    Position,
    Source,
    columns_of,
    read_page,
)
from lineagehub.store.queries.run_telemetry import RunReference


class SpanEvent(BaseModel):
    """One event of a span."""

    Timestamp: str
    Name: str
    Attributes: dict[str, str]


class SpanLink(BaseModel):
    """One link of a span."""

    TraceId: str
    SpanId: str
    TraceState: str
    Attributes: dict[str, str]


class Span(BaseModel):
    """One span; names and values are those of the table. `Timestamp` is RFC 3339 with nanoseconds."""

    Timestamp: str
    TraceId: str
    SpanId: str
    ParentSpanId: str
    TraceState: str
    SpanName: str
    SpanKind: str
    ServiceName: str
    ResourceAttributes: dict[str, str]
    ScopeName: str
    ScopeVersion: str
    SpanAttributes: dict[str, str]
    Duration: int = Field(description="Nanoseconds.")
    StatusCode: str
    StatusMessage: str
    Events: list[SpanEvent]
    Links: list[SpanLink]
    RunId: str = Field(description="The attribute lineage.run_id of the span, else of its resource.")


SPANS = Source("span", "read_traces", "Timestamp", columns_of(Span))


async def spans_of_trace(
    clickhouse: ClickHouse, namespace: str, trace_id: str, limit: int, after: Position | None
) -> Page:
    """Return a page of the spans of a trace (32 lower-case hexadecimal digits), earliest first."""
    conditions = Conditions({"ns": namespace})
    conditions.add("TraceId = {trace:String}", trace=trace_id)
    return await read_page(clickhouse, [SPANS], conditions, EARLIEST_FIRST, limit, after)


async def spans_of_run(
    clickhouse: ClickHouse,
    namespace: str,
    run: RunReference,
    since: int | None,
    before: int | None,
    limit: int,
    after: Position | None,
) -> Page:
    """Return a page of the spans of a run, newest first."""
    conditions = Conditions({"ns": namespace})
    conditions.add_window(SPANS, since, before)
    run.restrict(conditions)
    return await read_page(clickhouse, [SPANS], conditions, NEWEST_FIRST, limit, after)
