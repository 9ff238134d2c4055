"""`/docs`, `/openapi.json` and `/`: the documentation, from the endpoint list; its assets come from an installed
package, no CDN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openapi_ui_bundles.swagger_ui
from aiohttp import web
from pydantic import BaseModel

from lineagehub import __version__
from lineagehub.web.answers import json_answer
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.security_headers import CONTENT_SECURITY_POLICY, POLICY

OWN_FILES = Path(__file__).parent / "static"
BUNDLE_FILES = Path(openapi_ui_bundles.swagger_ui.static_path)

ASSETS: dict[str, Path] = {
    "start.js": OWN_FILES / "start.js",
    "swagger-ui-bundle.js": BUNDLE_FILES / "swagger-ui-bundle.js",
    "swagger-ui.css": BUNDLE_FILES / "swagger-ui.css",
    "favicon-32x32.png": BUNDLE_FILES / "favicon-32x32.png",
}
"""The only files that are served: a request names a key, never a path."""

DOCS_POLICY = f"{POLICY}; img-src 'self' data:"
"""Swagger UI's style sheet holds its icons as data URLs; it needs nothing else from outside of 'self'."""

OPENAPI: web.AppKey[dict[str, Any]] = web.AppKey("openapi", dict)


class Welcome(BaseModel):
    """Where to go from here."""

    name: str
    version: str
    docs: str
    openapi: str
    health: str


async def read_root(request: web.Request) -> web.Response:
    """Answer what this is and where its documentation stands."""
    return json_answer(
        {
            "name": "LineageHub",
            "version": __version__,
            "docs": "/docs",
            "openapi": "/openapi.json",
            "health": "/readyz",
        }
    )


async def read_openapi(request: web.Request) -> web.Response:
    """Answer the OpenAPI document."""
    return json_answer(request.app[OPENAPI])


async def read_docs(request: web.Request) -> web.StreamResponse:
    """Answer the documentation page."""
    return web.FileResponse(OWN_FILES / "docs.html", headers={CONTENT_SECURITY_POLICY: DOCS_POLICY})


async def read_docs_asset(request: web.Request) -> web.StreamResponse:
    """Answer one file that the documentation page needs."""
    path = ASSETS.get(request.match_info["name"])
    if path is None:
        raise Refused(NOT_FOUND, "The documentation has no such file.")
    return web.FileResponse(path, headers={"Cache-Control": "public, max-age=3600"})
