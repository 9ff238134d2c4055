"""One log line a request: debug when it went well, info when refused, warning when the hub is at fault.

Who is throttled with 503 is refused, whatever the status says: his flood shall not look like faults of the hub.

The query string and the headers stay out: either may hold a secret.
"""

from __future__ import annotations

import logging
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.web.parts import PRINCIPAL, PROBLEM, REQUEST_ID, SUBJECT
from lineagehub.web.problems import THROTTLED, Problem

log = structlog.get_logger(__name__)
_logger = logging.getLogger(__name__)


@web.middleware
async def access_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log method, path, status, duration, request id, and the key id or the subject once they are known."""
    began = time.perf_counter()
    response = await handler(request)
    problem = request.get(PROBLEM)
    level = _level(response.status, problem)
    if not _logger.isEnabledFor(level):
        # structlog would gather all this first: 15 us a request.
        return response
    principal = request.get(PRINCIPAL)
    log.log(
        level,
        "Answered.",
        method=request.method,
        path=request.path,
        status=response.status,
        reason=problem.reason if problem else None,
        milliseconds=round((time.perf_counter() - began) * 1000, 1),
        request_id=request[REQUEST_ID],
        remote=request.remote,
        kid=principal.kid if principal else None,
        subject=request.get(SUBJECT),
    )
    return response


def _level(status: int, problem: Problem | None) -> int:
    if status < 400:
        return logging.DEBUG
    return logging.INFO if status < 500 or problem is THROTTLED else logging.WARNING
