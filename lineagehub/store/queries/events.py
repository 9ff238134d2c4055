"""The raw lineage events of a namespace, newest or oldest first, as they were sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel

from lineagehub.store.client import ClickHouse

Direction = Literal["asc", "desc"]
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2299, 12, 31, tzinfo=UTC)
"""The bounds of ClickHouse's DateTime64(6)."""

_FROM = (
    " FROM read_lineage_events(ns = {ns:String})"
    " WHERE EventTime >= parseDateTime64BestEffort({after:String}, 6, 'UTC')"
    " AND EventTime < parseDateTime64BestEffort({before:String}, 6, 'UTC')"
    " AND (EventKind = 'run' OR NOT {only_runs:UInt8})"
)
_PAGE = {
    "asc": f"SELECT Event{_FROM} ORDER BY EventTime ASC, EventId ASC LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}",
    "desc": f"SELECT Event{_FROM} ORDER BY EventTime DESC, EventId DESC LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}",
}


class EventsPage(BaseModel):
    """The answer of `GET /api/v1/events/lineage`: a page of events and how many there are in all."""

    events: list[dict[str, Any]]
    totalCount: int  # noqa: N815 Marquez's name


async def lineage_events(
    clickhouse: ClickHouse,
    namespace: str,
    *,
    before: datetime | None,
    after: datetime | None,
    sort_direction: Direction,
    limit: int,
    offset: int,
    only_runs: bool = False,
) -> EventsPage:
    """Return a page of the events with `after` <= event time < `before` (aware times; None: no bound)."""
    window: dict[str, str | int] = {
        "ns": namespace,
        "before": (before or LATEST).isoformat(),
        "after": (after or EARLIEST).isoformat(),
        "only_runs": int(only_runs),
    }
    rows = await clickhouse.select(_PAGE[sort_direction], {**window, "limit": limit, "offset": offset})
    total = await clickhouse.select(f"SELECT count() AS total{_FROM}", window)
    return EventsPage(events=[orjson.loads(row["Event"]) for row in rows], totalCount=total[0]["total"])
