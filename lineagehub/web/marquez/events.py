"""`/events/lineage`: run events as they came."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.store.queries.events import lineage_events
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import MAXIMUM_LIMIT
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.events import Moment
from lineagehub.web.queries.parameters import read_query


def _with_plus(text: Any) -> Any:
    # A `+01:00` whose plus the client did not encode has become a space.
    return text.replace(" ", "+") if isinstance(text, str) else text


AnyMoment = Annotated[Moment, BeforeValidator(_with_plus)]


class MarquezEventsQuery(BaseModel):
    """Which events, by event time, and which page of them."""

    before: AnyMoment | None = None
    after: AnyMoment | None = None
    sort_direction: Annotated[Literal["asc", "desc"], BeforeValidator(str.lower)] = Field("desc", alias="sortDirection")
    limit: int = Field(100, ge=0, le=MAXIMUM_LIMIT)
    offset: int = Field(0, ge=0, le=10_000)


async def list_marquez_events(request: web.Request) -> web.Response:
    """Answer one page of run events and their total count."""
    query = read_query(request, MarquezEventsQuery)
    before: datetime | None = query.before
    page = await lineage_events(
        request.app[PARTS].clickhouse,
        namespace_of(request),
        before=before,
        after=query.after,
        sort_direction=query.sort_direction,
        limit=query.limit,
        offset=query.offset,
        only_runs=True,
    )
    # Marquez's page goes through both lists of every event.
    events = [{"inputs": [], "outputs": [], **event} for event in page.events]
    return json_answer({"events": events, "totalCount": page.totalCount})
