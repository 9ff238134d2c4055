"""`GET /api/v1/events/lineage`: the events as they came, newest first unless asked otherwise."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.store.queries.events import lineage_events
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.parameters import Moment, read_query


class EventsQuery(BaseModel):
    """Which events, by event time, and which page of them."""

    before: Moment | None = Field(None, description="Event time before this, RFC 3339.")
    after: Moment | None = Field(None, description="Event time at or after this, RFC 3339.")
    sort_direction: Literal["asc", "desc"] = Field("desc", alias="sortDirection")
    limit: int = Field(100, ge=1, le=1_000)
    offset: int = Field(0, ge=0, le=10_000)


async def read_events(request: web.Request) -> web.Response:
    """Answer one page of events and their total count."""
    query = read_query(request, EventsQuery)
    page = await lineage_events(
        request.app[PARTS].clickhouse,
        namespace_of(request),
        before=query.before,
        after=query.after,
        sort_direction=query.sort_direction,
        limit=query.limit,
        offset=query.offset,
    )
    return model_answer(page)
