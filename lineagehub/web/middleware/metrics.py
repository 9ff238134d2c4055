"""Counts and times requests, by route of the endpoint list, so that labels stay bounded whatever clients ask for."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.web.endpoint import endpoint_of
from lineagehub.web.parts import METRICS

UNMATCHED = "unmatched"


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Record the request in the metric catalogue."""
    began = time.perf_counter()
    response = await handler(request)
    endpoint = endpoint_of(request)
    method, route = (endpoint.method, endpoint.path) if endpoint else (UNMATCHED, UNMATCHED)
    request.app[METRICS].count_answer(method, route, response.status, time.perf_counter() - began)
    return response
