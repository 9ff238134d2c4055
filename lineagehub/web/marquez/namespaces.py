"""`/namespaces`: the namespaces of OpenLineage that the tenant's events name."""

from __future__ import annotations

from aiohttp import web

from lineagehub.store.queries.marquez.namespaces import namespace_by_name, namespaces_page
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import Page, missing, tenant_of
from lineagehub.web.queries.parameters import read_query


async def list_marquez_namespaces(request: web.Request) -> web.Response:
    """Answer a page of namespaces."""
    page = read_query(request, Page)
    return json_answer({"namespaces": await namespaces_page(await tenant_of(request), page.limit, page.offset)})


async def read_marquez_namespace(request: web.Request) -> web.Response:
    """Answer a namespace."""
    name = request.match_info["namespace"]
    namespace = await namespace_by_name(await tenant_of(request), name)
    if namespace is None:
        raise missing("Namespace", name)
    return json_answer(namespace)
