"""Headers that keep a browser from doing harm with what we serve. A page that needs more sets its own policy."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

HEADERS = {"X-Content-Type-Options": "nosniff", "Server": "LineageHub", "Referrer-Policy": "no-referrer"}


@web.middleware
async def add_security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add nosniff, the referrer and the content security policy; name the product, not the versions of its parts."""
    response = await handler(request)
    response.headers.update(HEADERS)
    response.headers.setdefault(CONTENT_SECURITY_POLICY, POLICY)
    return response
