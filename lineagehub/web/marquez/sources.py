"""`/sources`: where the tenant's datasets are."""

from __future__ import annotations

from aiohttp import web

from lineagehub.store.queries.marquez.sources import source_by_name, sources_page
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import Page, missing, tenant_of
from lineagehub.web.queries.parameters import read_query


async def list_marquez_sources(request: web.Request) -> web.Response:
    """Answer a page of sources."""
    page = read_query(request, Page)
    return json_answer({"sources": await sources_page(await tenant_of(request), page.limit, page.offset)})


async def read_marquez_source(request: web.Request) -> web.Response:
    """Answer a source."""
    name = request.match_info["source"]
    source = await source_by_name(await tenant_of(request), name)
    if source is None:
        raise missing("Source", name)
    return json_answer(source)
