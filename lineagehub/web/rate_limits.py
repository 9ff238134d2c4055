"""Rate limits over HTTP: what a request costs, how it is refused, and the headers that tell a client what is left to it.

The receivers charge once a body is decoded and its items are counted, before anything is written; middleware/read_rates.py charges reads.
The headers are those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10), and stand on every answer to a caller who has a limit,
refusals too.
"""

from __future__ import annotations

import math

from aiohttp import web

from lineagehub.quota.rate_limiter import BatchExceedsBurst, Standing, Throttled
from lineagehub.web.endpoint import Endpoint, endpoint_of
from lineagehub.web.parts import PARTS, PRINCIPAL
from lineagehub.web.problems import BATCH_EXCEEDS_BURST, RATE_LIMITED, THROTTLED, Refused

LARGEST_INTEGER = 999_999_999_999_999
"""Of a structured field (RFC 9651, section 3.3.1); a limit may be one more."""
POLICY = "RateLimit-Policy"
LIMIT = "RateLimit"

STANDING = web.RequestKey("rate_standing", Standing)


def charge(request: web.Request, items: int, size: int = 0) -> None:
    """Charge items and decoded bytes to the caller, or refuse and charge nothing.

    413: it can never come at once. Else with Retry-After: 503 where the endpoint documents THROTTLED, because the clients of that
    protocol drop data on 429; 429 elsewhere, and wherever the limit is 0.
    """
    endpoint, principal = endpoint_of(request), request[PRINCIPAL]
    if endpoint is None or endpoint.traffic is None or principal.namespace is None:
        return
    limiter = request.app[PARTS].rate_limiter
    try:
        request[STANDING] = limiter.take(principal.namespace, principal.kid, endpoint.traffic, items, size)
    except BatchExceedsBurst as error:
        raise Refused(BATCH_EXCEEDS_BURST, str(error)) from error
    except Throttled as error:
        raise _throttled(endpoint, error) from error


def _throttled(endpoint: Endpoint, error: Throttled) -> Refused:
    is_for_now = math.isfinite(error.wait_seconds)
    problem = THROTTLED if is_for_now and THROTTLED in endpoint.problems else RATE_LIMITED
    return Refused(problem, str(error), retry_after_seconds=error.wait_seconds)


async def tell_rate_limits(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to an answer that is about to be sent."""
    standing = request.get(STANDING) or _standing(request)
    if standing is not None:
        limit, remaining = min(standing.limit, LARGEST_INTEGER), min(standing.remaining, LARGEST_INTEGER)
        response.headers[POLICY] = f'"rps";q={limit};w=1'
        response.headers[LIMIT] = f'"rps";r={remaining};t={math.ceil(standing.full_after_seconds)}'


def _standing(request: web.Request) -> Standing | None:
    """Return what is left to the caller of a request that was charged nothing; None where nothing is limited, or nobody known calls."""
    principal = request.get(PRINCIPAL)
    if principal is None or principal.namespace is None:
        return None
    endpoint = endpoint_of(request)
    if endpoint is None or endpoint.traffic is None:
        return None
    return request.app[PARTS].rate_limiter.standing(principal.namespace, principal.kid, endpoint.traffic)
