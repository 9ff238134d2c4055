"""`GET /api/v1/events/lineage`: the events as they came, newest first unless asked otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.contract.lineage import parse_event_time
from lineagehub.store.queries.events import lineage_events
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.parameters import read_query


def _moment(text: Any) -> datetime:
    # pydantic alone would take digits for seconds since the epoch, and a date for its midnight.
    try:
        return parse_event_time(text)
    except OverflowError as error:
        raise ValueError("lies outside of years 1 to 9999 in UTC") from error


Moment = Annotated[datetime, BeforeValidator(_moment)]


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
