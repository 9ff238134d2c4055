"""Wires the web: settings and parts in, an aiohttp application out. The only place where things meet.

Called by serve.py and by tests. Starts nothing: the parts' owner does.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from lineagehub.broker.audit import AuditLog
from lineagehub.contract.topics import AUDIT
from lineagehub.settings import Settings
from lineagehub.telemetry.metrics import Metrics
from lineagehub.web.admin.action_rates import ACTION_RATES, ActionRates
from lineagehub.web.bodies import BODIES, Bodies
from lineagehub.web.daily_quota import QuotaDoor, quota_headers
from lineagehub.web.denials import DENIALS, Denials
from lineagehub.web.endpoint import ROUTES
from lineagehub.web.endpoints import ENDPOINTS
from lineagehub.web.malformed_requests import quote_no_malformed_lines
from lineagehub.web.middleware import MIDDLEWARE
from lineagehub.web.middleware.cors import ALLOWED_ORIGINS
from lineagehub.web.middleware.in_flight import IN_FLIGHT, RequestsInFlight
from lineagehub.web.openapi import openapi_document
from lineagehub.web.ops.docs_page import OPENAPI
from lineagehub.web.ops.health import READINESS, ReadinessChecker
from lineagehub.web.parts import METRICS, PARTS, SETTINGS, Parts
from lineagehub.web.rate_limits import tell_rate_limits
from lineagehub.web.receivers.otlp import LARGE_AT_ONCE, LARGE_REQUESTS
from lineagehub.web.receivers.records import RECORDS, RecordWriter
from lineagehub.web.security_headers import security_headers

__all__ = ["Parts", "create_app"]

KEEPALIVE_SECONDS = 15.0
"""Idle and half-sent requests are cut off after this; aiohttp's own default is an hour."""
LINGERING_SECONDS = 2.0
"""After a refusal the rest of the body is read and dropped this long, so that the client hears the answer and not a
reset."""


def create_app(settings: Settings, parts: Parts) -> web.Application:
    """Return the application with every endpoint of ENDPOINTS. Raises nothing but programming errors."""
    quote_no_malformed_lines()
    metrics = Metrics()
    application = web.Application(
        middlewares=MIDDLEWARE,
        handler_args={
            "auto_decompress": False,
            "keepalive_timeout": KEEPALIVE_SECONDS,
            "lingering_time": LINGERING_SECONDS,
            "access_log": None,
            "logger": ProtocolLogger(logging.getLogger("aiohttp.server"), {}),
        },
    )
    application[SETTINGS] = settings
    application[PARTS] = parts
    application[METRICS] = metrics
    application[ALLOWED_ORIGINS] = settings.web.allowed_origins
    application[IN_FLIGHT] = RequestsInFlight()
    application[BODIES] = Bodies(
        settings.web.in_flight_bytes, settings.web.body_timeout_seconds, metrics.in_flight_bytes
    )
    door = QuotaDoor(parts.quota, parts.now_ms)
    application[RECORDS] = RecordWriter(parts.producer, parts.sealer, settings.kafka, metrics, door)
    application[ACTION_RATES] = ActionRates(parts.replicas.count)
    application[LARGE_REQUESTS] = asyncio.Semaphore(LARGE_AT_ONCE)
    audit = AuditLog(parts.producer, settings.kafka.topic_name(AUDIT), parts.sealer)
    metrics.replicas.set_function(parts.replicas.count)
    application[DENIALS] = denials = Denials(audit, metrics)
    application.cleanup_ctx.append(lambda _: denials.writing())
    application[READINESS] = ReadinessChecker(parts, metrics, settings.web.authentication)
    application[OPENAPI] = openapi_document(ENDPOINTS)
    application.on_response_prepare.append(security_headers(settings.web.hsts_seconds))
    application.on_response_prepare.append(tell_rate_limits)
    application.on_response_prepare.append(quota_headers(door))
    application[ROUTES] = {
        application.router.add_route(endpoint.method, _any_name(endpoint.path), endpoint.handler): endpoint
        for endpoint in ENDPOINTS
    }
    return application


def _any_name(path: str) -> str:
    # aiohttp's own pattern of a part, [^{}/]+, finds no name with braces.
    return re.sub(r"{(\w+)}", r"{\1:[^/]+}", path)


class ProtocolLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs malformed HTTP, which any port scanner sends, as one debug line; aiohttp would log a traceback for each."""

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """See logging.Logger."""
        error = kwargs.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self.debug("A request was malformed: %s", error.message)
        else:
            super().exception(msg, *args, **kwargs)
