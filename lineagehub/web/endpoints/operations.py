"""Endpoints for whoever runs the hub: is it up, can it take data in, its metrics. Handlers: ops/."""

from __future__ import annotations

from lineagehub.web.endpoint import Content, Endpoint, json_of
from lineagehub.web.ops.health import Health, Liveness, Readiness, read_health, read_liveness, read_readiness
from lineagehub.web.ops.metrics import read_metrics

TAG = "Operations"

OPERATIONS_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/api/v1/health",
        read_health,
        "Ask whether the web serves requests.",
        TAG,
        responses={200: json_of(Health)},
    ),
    Endpoint(
        "GET",
        "/livez",
        read_liveness,
        "Ask whether the process runs.",
        TAG,
        responses={200: json_of(Liveness)},
    ),
    Endpoint(
        "GET",
        "/readyz",
        read_readiness,
        "Ask whether data can be taken in, and how each dependency is.",
        TAG,
        responses={200: json_of(Readiness, "Ready, or degraded."), 503: json_of(Readiness, "Unready.")},
    ),
    Endpoint(
        "GET",
        "/metrics",
        read_metrics,
        "Read the metrics in Prometheus' text format.",
        TAG,
        responses={200: Content(("text/plain",))},
    ),
)
