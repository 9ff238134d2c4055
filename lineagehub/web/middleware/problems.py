"""Turns every exception into an answer that a client can act on: a problem document, or google.rpc.Status on OTLP
routes.

What clients do decides the status: they drop data on 4xx and on 500, and retry 503. So a transient fault, and a fault
of our own that nobody expected, is 503 with Retry-After; 500 never happens.
"""

from __future__ import annotations

from http import HTTPStatus

import orjson
import structlog
from aiohttp import HttpVersion10, web
from aiohttp.typedefs import Handler

from lineagehub.errors import Permanent, Retryable, Unavailable
from lineagehub.store.error_codes import QueryTooBig
from lineagehub.telemetry.redaction import redact
from lineagehub.web.endpoint import JSON, endpoint_of, speaks_marquez, speaks_otlp
from lineagehub.web.parts import METRICS, PROBLEM, REQUEST_ID
from lineagehub.web.problems import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    QUERY_TOO_BIG,
    UNAVAILABLE,
    Refused,
    problem_of,
)
from lineagehub.web.retry_after import spread
from lineagehub.web.rpc_status import status_answer

log = structlog.get_logger(__name__)

MARQUEZ_IS_READ = (
    "Marquez's API is there to read, and to delete namespaces, jobs and datasets: send OpenLineage events to /api/v1/lineage"
    " instead (tags in a `tags` facet, a dataset's end in a lifecycleStateChange facet)."
)
_NAMES = {"kafka": "Kafka", "clickhouse": "ClickHouse", "oidc": "The OpenID issuer"}


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the handler raises; count it by its reason."""
    try:
        if request.version < HttpVersion10:
            raise Refused(INVALID_REQUEST, "HTTP/0.9 is not spoken here; use HTTP/1.1.", close=True)
        return await handler(request)
    except Refused as refused:
        answer = refused
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = _from_http(request, error)
    except QueryTooBig as error:
        log.warning("A read is too big.", error=str(error), request_id=request[REQUEST_ID])
        answer = Refused(QUERY_TOO_BIG, "This reads more than the hub allows at once: ask for less.")
    except Permanent as error:
        answer = _from_permanent(request, error)
    except Retryable as error:
        log.warning("A dependency does not answer.", error=str(error), request_id=request[REQUEST_ID])
        name = _NAMES.get(error.dependency) if isinstance(error, Unavailable) else None
        answer = Refused(
            UNAVAILABLE,
            f"{name or 'A part of the hub'} does not answer: send the same request again after Retry-After.",
            retry_after_seconds=error.retry_after_seconds,
        )
    except Exception:
        log.exception("An unexpected fault of the hub.", request_id=request[REQUEST_ID], path=request.path)
        request.app[METRICS].unexpected_errors.inc()
        answer = Refused(INTERNAL_ERROR, f"The hub failed; the request id for its operator is {request[REQUEST_ID]}.")
    request[PROBLEM] = answer.problem
    request.app[METRICS].refusals.labels(answer.problem.reason).inc()
    return _response(request, answer)


def _from_permanent(request: web.Request, error: Permanent) -> Refused:
    problem = problem_of(error.reason)
    if problem is not INTERNAL_ERROR:
        return Refused(problem, str(error))
    # The store's own words may quote data or settings: they are for the log.
    log.error("A part refused what the hub asked of it.", error=str(error), request_id=request[REQUEST_ID])
    request.app[METRICS].unexpected_errors.inc()
    return Refused(INTERNAL_ERROR, f"The hub failed; the request id for its operator is {request[REQUEST_ID]}.")


def _from_http(request: web.Request, error: web.HTTPException) -> Refused:
    if speaks_marquez(request) and request.method not in ("GET", "HEAD"):
        deletes = isinstance(error, web.HTTPMethodNotAllowed) and "DELETE" in error.allowed_methods
        return Refused(METHOD_NOT_ALLOWED, MARQUEZ_IS_READ, headers={"Allow": "DELETE, GET" if deletes else "GET"})
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Refused(METHOD_NOT_ALLOWED, f"This route takes {allowed}.", headers={"Allow": allowed})
    if isinstance(error, web.HTTPNotFound):
        return Refused(NOT_FOUND, "No route has this path; /docs lists all of them.")
    log.error("A handler raised an HTTP exception of aiohttp's.", status=error.status, path=request.path)
    return Refused(INTERNAL_ERROR, "The hub failed.")


def _is_slept_out(request: web.Request, status: int) -> bool:
    """Whether Retry-After would hold up a pipeline: a 429 is for a limit of 0 or the rest of a day, not for a moment."""
    endpoint = endpoint_of(request)
    return status == HTTPStatus.TOO_MANY_REQUESTS and endpoint is not None and endpoint.clients_sleep


def _response(request: web.Request, refused: Refused) -> web.Response:
    # A key that stands in the path or in a value by mistake shall not come back in an answer, which clients log.
    problem, detail = refused.problem, redact(refused.detail)
    if speaks_otlp(request):
        response = status_answer(request, problem.status, f"{problem.reason}: {detail}")
    elif speaks_marquez(request):
        error = {"code": problem.status, "message": detail}
        response = web.Response(body=orjson.dumps(error), status=problem.status, content_type=JSON)
    else:
        document = {
            "type": problem.type,
            "title": problem.title,
            "status": problem.status,
            "detail": detail,
            "instance": redact(request.path),
            "reason": problem.reason,
            "request_id": request[REQUEST_ID],
            "errors": [{"pointer": redact(fault.pointer), "detail": redact(fault.detail)} for fault in refused.errors],
            **refused.members,
        }
        response = web.Response(body=orjson.dumps(document), status=problem.status, content_type=MEDIA_TYPE)
    response.headers.update(refused.headers)
    if refused.retry_after_seconds is not None and not _is_slept_out(request, problem.status):
        response.headers["Retry-After"] = str(spread(refused.retry_after_seconds))
    if refused.close:
        response.force_close()
    return response
