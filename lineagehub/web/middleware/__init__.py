"""Middleware, outermost first: requests in flight, request id, access log, metrics, CORS, problems, this
machine alone while authentication is off, denials, authentication, reads a second.

To add one: a file here and a line in MIDDLEWARE, at the place where it belongs.
"""

from __future__ import annotations

from aiohttp.typedefs import Middleware

from lineagehub.web.middleware.access_log import access_log
from lineagehub.web.middleware.auth import authenticate
from lineagehub.web.middleware.cors import share_with_origins
from lineagehub.web.middleware.denials import note_denials
from lineagehub.web.middleware.in_flight import count_in_flight
from lineagehub.web.middleware.loopback_only import require_loopback
from lineagehub.web.middleware.metrics import measure
from lineagehub.web.middleware.problems import answer_problems
from lineagehub.web.middleware.read_rates import limit_reads
from lineagehub.web.middleware.request_id import identify_request

MIDDLEWARE: tuple[Middleware, ...] = (
    count_in_flight,
    identify_request,
    access_log,
    measure,
    share_with_origins,
    answer_problems,
    require_loopback,
    note_denials,
    authenticate,
    limit_reads,
)
