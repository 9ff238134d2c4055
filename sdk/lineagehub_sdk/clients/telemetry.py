"""Spans and metrics to the hub in its own JSON, by explicit calls; OpenTelemetry's own SDK needs none of this (`telemetry.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.clients.hub import LineageHubClient
from lineagehub_sdk.clients.models import TelemetryReceipt


class TelemetryClient:
    """Sends telemetry. Arguments, shapes and errors as of LineageHubClient."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        namespace: str | None = None,
        config: LineageHubConfig | None = None,
    ) -> None:
        self._client = LineageHubClient(base_url, api_key, namespace, config)

    async def __aenter__(self) -> TelemetryClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def send_traces(self, traces: Sequence[Mapping[str, Any]], namespace: str | None = None) -> TelemetryReceipt:
        """Send spans."""
        return await self._client.send_telemetry_data(traces=traces, namespace=namespace)

    async def send_metrics(
        self, metrics: Sequence[Mapping[str, Any]], namespace: str | None = None
    ) -> TelemetryReceipt:
        """Send metrics."""
        return await self._client.send_telemetry_data(metrics=metrics, namespace=namespace)

    async def send_span(self, span_data: Mapping[str, Any], namespace: str | None = None) -> TelemetryReceipt:
        """Send one span."""
        return await self.send_traces([span_data], namespace)

    async def send_metric(self, metric_data: Mapping[str, Any], namespace: str | None = None) -> TelemetryReceipt:
        """Send one metric."""
        return await self.send_metrics([metric_data], namespace)
