"""Headers that keep a browser from doing harm with what we serve, on every answer. A page that needs more sets its own policy.

Nothing is stored on the way or in a browser (`no-store`) unless the answer itself says otherwise: what a credential may read
today it may not tomorrow.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.web.parts import SETTINGS

CACHE_CONTROL = "Cache-Control"
CONTENT_SECURITY_POLICY = "Content-Security-Policy"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
"""No inline script and nothing of other origins; nobody frames us."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # For browsers that do not know frame-ancestors.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",  # Of requests without CORS; those with it are cors.py's.
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "LineageHub",  # The product, not the versions of its parts.
}
TRANSPORT_SECURITY = "Strict-Transport-Security"


@web.middleware
async def add_security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add HEADERS, the content security policy and `no-store`; behind TLS, where it is set, that browsers use nothing else."""
    response = await handler(request)
    headers = response.headers
    headers.update(HEADERS)
    headers.setdefault(CONTENT_SECURITY_POLICY, POLICY)
    headers.setdefault(CACHE_CONTROL, "no-store")
    if seconds := request.app[SETTINGS].web.hsts_seconds:
        headers[TRANSPORT_SECURITY] = f"max-age={seconds}"
    return response
