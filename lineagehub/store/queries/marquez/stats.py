"""Counts for the dashboard: events by type within each hour of a day or day of a week, and jobs, datasets and sources until then.

A day's hours are those of UTC. A week's days are those of a time zone; as Marquez does, and its page expects, each is written as if its
midnight were UTC's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from lineagehub.store.queries.marquez.instants import instant_of
from lineagehub.store.queries.marquez.sources import DATASET_SOURCES
from lineagehub.store.queries.marquez.tenant import Data, Tenant

Counted = Literal["jobs", "datasets", "sources"]

_EVENTS = (
    "SELECT toUnixTimestamp(toStartOfFifteenMinutes(EventTime)) AS Quarter, EventType, count() AS Total"
    " FROM read_lineage_events(ns = {ns:String})"
    " WHERE EventTime >= fromUnixTimestamp({start:Int64}) AND EventTime < fromUnixTimestamp({end:Int64})"
    " AND EventType IN ('FAIL', 'START', 'COMPLETE', 'ABORT') GROUP BY Quarter, EventType"
)
_MADE = (
    "SELECT toUnixTimestamp(toStartOfFifteenMinutes(Created)) AS Quarter, count() AS Total FROM ({things})"
    " WHERE Created < fromUnixTimestamp({{end:Int64}}) GROUP BY Quarter"
)
_THINGS: dict[Counted, str] = {
    "jobs": "SELECT CreatedAt AS Created FROM read_lineage_jobs(ns = {ns:String})",
    "datasets": "SELECT CreatedAt AS Created FROM read_lineage_datasets(ns = {ns:String})",
    "sources": DATASET_SOURCES,
}
"""Every time zone's midnights are quarters of an hour."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One bar: its bounds in seconds since the epoch, and as they are written."""

    start: int
    end: int
    labels: tuple[str, str]

    def bounds(self) -> Data:
        """Return the bounds as Marquez names them."""
        return {"startInterval": self.labels[0], "endInterval": self.labels[1]}


def hours_of_day(now: datetime) -> list[Interval]:
    """Return the 24 hours up to and with that of an aware time."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    starts = [hour + timedelta(hours=number) for number in range(-23, 2)]
    return [_interval(start, end, (instant_of(start), instant_of(end))) for start, end in pairwise(starts)]


def days_of_week(now: datetime, zone: ZoneInfo) -> list[Interval]:
    """Return the seven days up to and with that of an aware time, in a time zone."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    midnights = [today + timedelta(days=number) for number in range(-6, 2)]
    return [
        _interval(
            start.replace(tzinfo=zone),
            end.replace(tzinfo=zone),
            (instant_of(start.replace(tzinfo=UTC)), instant_of(end.replace(tzinfo=UTC))),
        )
        for start, end in pairwise(midnights)
    ]


async def event_counts(tenant: Tenant, intervals: list[Interval]) -> list[Data]:
    """Return how many events of each type fall into each interval."""
    rows = await tenant.select(_EVENTS, start=intervals[0].start, end=intervals[-1].end)
    return [
        interval.bounds()
        | {
            event_type.lower(): sum(
                row["Total"]
                for row in rows
                if row["EventType"] == event_type and interval.start <= row["Quarter"] < interval.end
            )
            for event_type in ("FAIL", "START", "COMPLETE", "ABORT")
        }
        for interval in intervals
    ]


async def totals(tenant: Tenant, counted: Counted, intervals: list[Interval]) -> list[Data]:
    """Return how many there are at the end of each interval."""
    rows = await tenant.select(_MADE.format(things=_THINGS[counted]), end=intervals[-1].end)
    return [
        interval.bounds() | {"count": sum(row["Total"] for row in rows if row["Quarter"] < interval.end)}
        for interval in intervals
    ]


def _interval(start: datetime, end: datetime, labels: tuple[str, str]) -> Interval:
    return Interval(int(start.timestamp()), int(end.timestamp()), labels)
