"""`/events/lineage`: run events as they came."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.store.queries.events import lineage_events
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import MAXIMUM_LIMIT, UpperCase
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.parameters import Moment, read_query


def _as_marquez_has_it(text: Any) -> Any:
    # Marquez's page sends an empty text for no bound; a `+01:00` whose plus was not encoded has become a space.
    return text.replace(" ", "+") or None if isinstance(text, str) else text


Bound = Annotated[Moment | None, BeforeValidator(_as_marquez_has_it)]


class MarquezEventsQuery(BaseModel):
    """Which events, by event time, and which page of them."""

    before: Bound = Field(None, description="Event time before this, RFC 3339.")
    after: Bound = Field(None, description="Event time at or after this, RFC 3339.")
    sort_direction: Annotated[Literal["ASC", "DESC"], UpperCase] = Field("DESC", alias="sortDirection")
    limit: int = Field(100, ge=0, le=MAXIMUM_LIMIT)
    offset: int = Field(0, ge=0, le=10_000)


async def list_marquez_events(request: web.Request) -> web.Response:
    """Answer one page of run events and their total count."""
    query = read_query(request, MarquezEventsQuery)
    page = await lineage_events(
        request.app[PARTS].clickhouse,
        namespace_of(request),
        before=query.before,
        after=query.after,
        sort_direction="asc" if query.sort_direction == "ASC" else "desc",
        limit=query.limit,
        offset=query.offset,
        only_runs=True,
    )
    # Marquez's page goes through both lists of every event.
    events = [event | {side: event.get(side) or [] for side in ("inputs", "outputs")} for event in page.events]
    return json_answer({"events": events, "totalCount": page.totalCount})
