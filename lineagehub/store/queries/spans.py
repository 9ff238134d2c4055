"""The spans of one trace of a namespace, as the exporter's table holds them."""

from __future__ import annotations

from pydantic import BaseModel

from lineagehub.store.client import ClickHouse


class Span(BaseModel):
    """One span; names and values are those of the table. `Duration` is in nanoseconds, `Timestamp` RFC 3339 with nanoseconds."""

    Timestamp: str
    TraceId: str
    SpanId: str
    ParentSpanId: str
    SpanName: str
    SpanKind: str
    ServiceName: str
    ResourceAttributes: dict[str, str]
    SpanAttributes: dict[str, str]
    Duration: int
    StatusCode: str
    StatusMessage: str


_SELECT = f"SELECT {', '.join(Span.model_fields)} FROM read_traces(ns = {{ns:String}})"  # noqa: S608 constants


async def trace_spans(clickhouse: ClickHouse, namespace: str, trace_id: str) -> list[Span]:
    """Return the spans of a trace (32 hexadecimal digits), earliest first; empty if the namespace has no such trace."""
    rows = await clickhouse.select(
        f"{_SELECT} WHERE TraceId = {{trace:String}} ORDER BY Timestamp, SpanId",
        {"ns": namespace, "trace": trace_id.lower()},
    )
    return [Span.model_validate(row) for row in rows]
