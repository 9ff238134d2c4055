"""Log records of a namespace, as the exporter's table holds them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import NEWEST_FIRST, Conditions, Page, Position, Source, columns_of, read_page
from lineagehub.store.queries.run_telemetry import RunReference


class LogRecord(BaseModel):
    """One log record; names and values are those of the table. `Timestamp` is RFC 3339 with nanoseconds."""

    Timestamp: str
    TraceId: str
    SpanId: str
    TraceFlags: int
    SeverityText: str
    SeverityNumber: int
    ServiceName: str
    Body: str
    ResourceSchemaUrl: str
    ResourceAttributes: dict[str, str]
    ScopeSchemaUrl: str
    ScopeName: str
    ScopeVersion: str
    ScopeAttributes: dict[str, str]
    LogAttributes: dict[str, str]
    EventName: str
    RunId: str = Field(description="The attribute lineage.run_id of the record, else of its resource.")


# ClickHouse does not know the five minutes of a DateTime64 to grow with it, so a condition on the time alone reads the whole namespace.
LOGS = Source("log", "read_logs", "Timestamp", columns_of(LogRecord), "toStartOfFiveMinutes({})")


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which records; None is any. Times are nanoseconds since the epoch; `severity` is the least SeverityNumber; `text` stands in Body."""

    since: int | None = None
    before: int | None = None
    service: str | None = None
    severity: int | None = None
    text: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    run: RunReference | None = None


async def find_logs(
    clickhouse: ClickHouse, namespace: str, wanted: LogFilter, limit: int, after: Position | None
) -> Page:
    """Return a page of log records, newest first."""
    conditions = Conditions({"ns": namespace})
    conditions.add_window(LOGS, wanted.since, wanted.before)
    if wanted.service is not None:
        conditions.add("ServiceName = {service:String}", service=wanted.service)
    if wanted.severity is not None:
        conditions.add("SeverityNumber >= {severity:UInt8}", severity=wanted.severity)
    if wanted.text is not None:
        conditions.add("position(Body, {text:String}) > 0", text=wanted.text)
    if wanted.trace_id is not None:
        conditions.add("TraceId = {trace:String}", trace=wanted.trace_id)
    if wanted.span_id is not None:
        conditions.add("SpanId = {span:String}", span=wanted.span_id)
    if wanted.run is not None:
        wanted.run.restrict(conditions)
    return await read_page(clickhouse, [LOGS], conditions, NEWEST_FIRST, limit, after)
