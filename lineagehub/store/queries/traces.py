"""Traces of a namespace: which have a span like the one asked for, and the summary of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import Conditions, Position
from lineagehub.store.queries.run_telemetry import RunReference
from lineagehub.store.queries.spans import SPANS

MAXIMUM_SERVICES, NAME_CHARACTERS = 50, 200
"""Bounds of a summary: names may be a megabyte long, and a page has a thousand summaries."""


class TraceSummary(BaseModel):
    """One trace, from all its spans that have arrived, whatever the filters were. Names are cut to 200 characters."""

    traceId: str  # noqa: N815 our own answers are in camelCase
    rootSpanName: str | None = Field(description="Of its earliest span without a parent; null while none has arrived.")  # noqa: N815
    rootServiceName: str | None  # noqa: N815
    services: list[str] = Field(description=f"At most {MAXIMUM_SERVICES}, sorted.")
    startTime: str = Field(description="Of the earliest span, RFC 3339 with nanoseconds.")  # noqa: N815
    durationNanos: int = Field(description="From the earliest start to the latest end.")  # noqa: N815
    spanCount: int  # noqa: N815
    errorCount: int = Field(description="Spans whose StatusCode is Error.")  # noqa: N815


@dataclass(frozen=True, slots=True)
class SpanFilter:
    """Which spans; None is any. Times are nanoseconds since the epoch, durations nanoseconds; `status` is Unset, Ok or Error."""

    since: int | None = None
    before: int | None = None
    service: str | None = None
    name: str | None = None
    status: str | None = None
    least_duration: int | None = None
    most_duration: int | None = None
    run: RunReference | None = None


_SUMMARIES = f"""
WITH
    substringUTF8(SpanName, 1, {NAME_CHARACTERS}) AS Name,
    substringUTF8(ServiceName, 1, {NAME_CHARACTERS}) AS Service
SELECT
    TraceId,
    countIf(ParentSpanId = '') AS Roots,
    argMinIf((Name, Service), (Timestamp, SpanId), ParentSpanId = '') AS Root,
    arraySort(groupUniqArray({MAXIMUM_SERVICES})(Service)) AS Services,
    min(Timestamp) AS Start,
    toString(max(toInt128(toUnixTimestamp64Nano(Timestamp)) + Duration) - toUnixTimestamp64Nano(min(Timestamp))) AS Nanoseconds,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors
FROM read_traces(ns = {{ns:String}})
WHERE TraceId IN {{traces:Array(String)}}
GROUP BY TraceId
"""  # noqa: S608 a constant


async def find_traces(
    clickhouse: ClickHouse, namespace: str, wanted: SpanFilter, limit: int, after: Position | None
) -> tuple[list[TraceSummary], Position | None]:
    """Return a page of the traces of which one span fits the whole filter, newest first, and the position after it or None.

    A trace is as new as its earliest span that fits. A trace has one row, so its id makes the key complete.
    """
    conditions = Conditions({"ns": namespace, "most": limit + 1}, ["TraceId != ''"])
    conditions.add_window(SPANS, wanted.since, wanted.before)
    _restrict(conditions, wanted)
    having = ""
    if after is not None:
        having = "HAVING (At, TraceId) < ({at:Int64}, {tie:String})"
        conditions.parameters |= {"at": after.at, "tie": after.tie}
    found = await clickhouse.select(
        f"SELECT TraceId, toUnixTimestamp64Nano(min(Timestamp)) AS At FROM read_traces(ns = {{ns:String}})"  # noqa: S608 constants
        f" WHERE {conditions.sql} GROUP BY TraceId {having} ORDER BY At DESC, TraceId DESC LIMIT {{most:UInt32}}",
        conditions.parameters,
    )
    page = found[:limit]
    summaries = await _summaries(clickhouse, namespace, [row["TraceId"] for row in page])
    is_last = len(found) <= limit
    return summaries, None if is_last else Position(page[-1]["At"], page[-1]["TraceId"])


def _restrict(conditions: Conditions, wanted: SpanFilter) -> None:
    if wanted.service is not None:
        conditions.add("ServiceName = {service:String}", service=wanted.service)
    if wanted.name is not None:
        conditions.add("SpanName = {name:String}", name=wanted.name)
    if wanted.status is not None:
        conditions.add("StatusCode = {status:String}", status=wanted.status)
    if wanted.least_duration is not None:
        conditions.add("Duration >= {least:UInt64}", least=wanted.least_duration)
    if wanted.most_duration is not None:
        conditions.add("Duration <= {longest:UInt64}", longest=wanted.most_duration)
    if wanted.run is not None:
        wanted.run.restrict(conditions)


async def _summaries(clickhouse: ClickHouse, namespace: str, trace_ids: list[str]) -> list[TraceSummary]:
    if not trace_ids:
        return []
    rows = await clickhouse.select(_SUMMARIES, {"ns": namespace, "traces": trace_ids})
    by_id = {row["TraceId"]: _summary(row) for row in rows}
    return [by_id[trace_id] for trace_id in trace_ids if trace_id in by_id]


def _summary(row: dict[str, Any]) -> TraceSummary:
    name, service = row["Root"] if row["Roots"] else (None, None)
    return TraceSummary(
        traceId=row["TraceId"],
        rootSpanName=name,
        rootServiceName=service,
        services=row["Services"],
        startTime=row["Start"],
        durationNanos=int(row["Nanoseconds"]),
        spanCount=row["Spans"],
        errorCount=row["Errors"],
    )
