"""CORS (Fetch standard): pages of the origins on the allow-list may call the hub from a browser, and no others.

No origin is reflected that is not on the list, `null` cannot be on it, and cookies are never asked for: a page sends its
bearer token itself. An origin that is not on the list gets the answer that a program would get, without a header that lets the page
read it.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.contract.headers import HTTP_EVENT_ID, HTTP_IDEMPOTENCY_KEY, HTTP_NAMESPACE

ALLOWED_ORIGINS = web.AppKey("allowed_origins", frozenset[str])

REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    HTTP_EVENT_ID,
    HTTP_IDEMPOTENCY_KEY,
    HTTP_NAMESPACE,
    "X-Request-Id",
    "traceparent",
    "tracestate",
)
"""What a page may send. `traceparent` and `tracestate`: instrumented browsers add them to every fetch."""
ANSWER_HEADERS = (
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
    "WWW-Authenticate",
    "LineageHub-Truncated",
)
"""What a page may read, beside what every page may."""
PREFLIGHT_SECONDS = 600
_ALLOW_HEADERS = ", ".join(REQUEST_HEADERS)
_EXPOSE_HEADERS = ", ".join(ANSWER_HEADERS)


@web.middleware
async def share_with_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer preflights of allowed origins, and let them read every answer, refusals too."""
    allowed = request.app[ALLOWED_ORIGINS]
    if not allowed:
        return await handler(request)
    origins = request.headers.getall("Origin", [])
    origin = origins[0] if len(origins) == 1 and origins[0] in allowed else None
    methods = _preflighted(request) if origin else None
    response = web.Response(status=204) if methods else await handler(request)
    response.headers.add("Vary", "Origin")
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSE_HEADERS
    if methods:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(methods))
        response.headers["Access-Control-Allow-Headers"] = _ALLOW_HEADERS
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


def _preflighted(request: web.Request) -> Collection[str] | None:
    """Return the methods of the route that a preflight asks about, None if this is no preflight or no such route."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    error = request.match_info.http_exception
    return error.allowed_methods if isinstance(error, web.HTTPMethodNotAllowed) else None
