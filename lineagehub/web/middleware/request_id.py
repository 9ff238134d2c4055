"""Gives each request an id, the client's if it is sane, and echoes it. It stands in log lines and problem documents."""

from __future__ import annotations

import os
import re

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.web.parts import REQUEST_ID

HEADER = "X-Request-Id"
_is_sane = re.compile(r"[A-Za-z0-9._:/-]{1,128}").fullmatch


@web.middleware
async def identify_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set REQUEST_ID and the header X-Request-Id of the answer."""
    given = request.headers.get(HEADER)
    request[REQUEST_ID] = request_id = given if given and _is_sane(given) else os.urandom(16).hex()
    response = await handler(request)
    response.headers[HEADER] = request_id
    return response
