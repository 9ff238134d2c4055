"""Charges each read to its namespace before it asks the store anything. What takes data in charges itself (web/rate_limits.py)."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.quota.rate_limiter import Traffic
from lineagehub.web.endpoint import endpoint_of
from lineagehub.web.rate_limits import charge


@web.middleware
async def limit_reads(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass a read on once it is charged; refuse it with 429 and Retry-After above the namespace's reads a second."""
    endpoint = endpoint_of(request)
    if endpoint is not None and endpoint.traffic is Traffic.READ:
        charge(request, 1)
    return await handler(request)
