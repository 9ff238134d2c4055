"""With authentication off, this machine's own programs alone: what a web page of another site makes a browser send is refused.

The web listens on loopback then (settings.py), but a browser is on this machine, too. A page whose name was made to resolve to
127.0.0.1 (DNS rebinding) is known by its Host, any other page by its Origin.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.addresses import host_of, is_loopback
from lineagehub.web.middleware.cors import ALLOWED_ORIGINS
from lineagehub.web.parts import SETTINGS
from lineagehub.web.problems import FOREIGN_ORIGIN, MISDIRECTED_REQUEST, Refused


@web.middleware
async def require_loopback(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through what a program of this machine sends, a page of this hub, or one of an allowed origin; else 421 or 403."""
    if request.app[SETTINGS].web.authentication == "off":
        _require_own_host(request)
        _require_known_origin(request)
    return await handler(request)


def _require_own_host(request: web.Request) -> None:
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not is_loopback(host_of(hosts[0])):
        raise Refused(
            MISDIRECTED_REQUEST,
            "Authentication is off, so this hub answers to localhost, 127.0.0.1 and [::1] only, and the Host is another.",
        )


def _require_known_origin(request: web.Request) -> None:
    origins = request.headers.getall("Origin", [])
    own = request.headers["Host"].lower()
    known = request.app[ALLOWED_ORIGINS] | {f"http://{own}", f"https://{own}"}
    if not known.issuperset(origins):
        raise Refused(
            FOREIGN_ORIGIN,
            "Authentication is off, so pages of other origins may not call this hub unless"
            " LINEAGEHUB_WEB_CORS_ORIGINS names them.",
        )
