"""`/tags`: the tags in use."""

from __future__ import annotations

from aiohttp import web

from lineagehub.store.queries.marquez.tags import tags_page
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import Page, tenant_of
from lineagehub.web.queries.parameters import read_query


async def list_marquez_tags(request: web.Request) -> web.Response:
    """Answer a page of tags."""
    page = read_query(request, Page)
    return json_answer({"tags": await tags_page(await tenant_of(request), page.limit, page.offset)})
