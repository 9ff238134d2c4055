"""`GET /metrics`: the metric catalogue in Prometheus' text format."""

from __future__ import annotations

from aiohttp import web

from lineagehub.web.parts import METRICS


async def read_metrics(request: web.Request) -> web.Response:
    """Answer all metrics of this process."""
    metrics = request.app[METRICS]
    return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.content_type})
