"""`GET /api/v1/search`: jobs and datasets by a part of their name."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.search import Filter, Sort, Wanted, search
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.cursors import read_cursor, write_cursor
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.telemetry_parameters import PageQuery

MAXIMUM_TEXT = 1_000


class SearchQuery(PageQuery):
    """What to search for."""

    q: str = Field("", max_length=MAXIMUM_TEXT, description="A part of the name, in any letter case; empty: all.")
    filter: Filter | None = Field(None, description="Only jobs, or only datasets.")
    namespace: str = Field("", max_length=8_192, description="Only of this OpenLineage namespace.")
    sort: Sort = Field("name", description="By name, or what was updated last first.")


async def read_search(request: web.Request) -> web.Response:
    """Answer a page of results and their total count."""
    query = read_query(request, SearchQuery)
    place = read_cursor(request, SearchQuery, query.cursor)
    page, after = await search(
        request.app[PARTS].clickhouse,
        namespace_of(request),
        Wanted(query.q, query.filter, query.namespace, query.sort),
        query.limit,
        (place[0], place[1], place[2], place[3]) if place else None,
    )
    if after is not None:
        page.nextCursor = write_cursor(request, SearchQuery, list(after))
    return model_answer(page)
