"""`GET /api/v1/search`: jobs and datasets by a part of their name."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.search import Filter, Sort, Wanted, search
from lineagehub.store.queries.shared_search import shared_search
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.cursors import read_cursor, write_cursor
from lineagehub.web.queries.parameters import read_query, refuse_parameters
from lineagehub.web.queries.scopes import ScopeQuery
from lineagehub.web.queries.telemetry_parameters import PageQuery

MAXIMUM_TEXT = 1_000


class SearchQuery(PageQuery, ScopeQuery):
    """What to search for."""

    q: str = Field("", max_length=MAXIMUM_TEXT, description="A part of the name, in any letter case; empty: all.")
    filter: Filter | None = Field(None, description="Only jobs, or only datasets.")
    namespace: str = Field("", max_length=8_192, description="Only of this OpenLineage namespace.")
    sort: Sort = Field("name", description="By name, or what was updated last first.")


async def read_search(request: web.Request) -> web.Response:
    """Answer a page of results and their total count."""
    query = read_query(request, SearchQuery)
    if query.scope == "shared":
        return await _read_shared(request, query)
    place = read_cursor(request, SearchQuery, query.cursor)
    page, after = await search(
        request.app[PARTS].clickhouse,
        namespace_of(request),
        _wanted(query),
        query.limit,
        (place[0], place[1], place[2], place[3]) if place else None,
    )
    if after is not None:
        page.nextCursor = write_cursor(request, SearchQuery, list(after))
    return model_answer(page, only_set=True)


async def _read_shared(request: web.Request, query: SearchQuery) -> web.Response:
    if query.sort != "name":
        raise refuse_parameters(
            [Fault("/sort", "must be name with scope=shared: others do not tell when they update.")]
        )
    place = read_cursor(request, SearchQuery, query.cursor)
    parts, namespace = request.app[PARTS], namespace_of(request)
    shared = parts.directory.shared_datasets.entries()
    shared.pop(namespace, None)
    after = (place[0], place[1], place[2], place[3]) if place else None
    page, after = await shared_search(parts.clickhouse, namespace, shared, _wanted(query), query.limit, after)
    if after is not None:
        page.nextCursor = write_cursor(request, SearchQuery, list(after))
    return model_answer(page)


def _wanted(query: SearchQuery) -> Wanted:
    return Wanted(query.q, query.filter, query.namespace, query.sort)
