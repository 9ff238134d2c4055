"""Headers that keep a browser from doing harm with what we serve, on every answer. A page that needs more sets its own policy.

Added when an answer is about to be sent and not in a middleware: aiohttp answers a wrong Expect before any of those. Nothing is stored
on the way or in a browser (`no-store`) unless the answer itself says otherwise: what a credential may read today it may not
tomorrow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
"""No inline script and nothing of other origins; nobody frames us."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # For browsers that do not know frame-ancestors.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",  # Of requests without CORS; those with it are middleware/cors.py's.
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "LineageHub",  # The product, not the versions of its parts.
}
DEFAULTS = {CONTENT_SECURITY_POLICY: POLICY, "Cache-Control": "no-store"}
"""Where the answer does not have its own."""


def security_headers(hsts_seconds: int) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what adds them to an answer; with `hsts_seconds`, that browsers shall use nothing but TLS for so long, too."""
    transport = {"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {}
    always = HEADERS | transport

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(always)
        for name, value in DEFAULTS.items():
            response.headers.setdefault(name, value)

    return add
