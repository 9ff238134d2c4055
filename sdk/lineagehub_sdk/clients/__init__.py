"""Explicit calls of the hub's API, for asyncio. Their answers and their errors are for the caller; tracking never needs them."""

from lineagehub_sdk.clients.batching import BatchingLineageClient
from lineagehub_sdk.clients.hub import LineageHubClient
from lineagehub_sdk.clients.models import (
    HealthStatus,
    LineageEvent,
    LineageReceipt,
    NamespaceInfo,
    Rejection,
    TelemetryData,
    TelemetryReceipt,
)
from lineagehub_sdk.clients.telemetry import TelemetryClient
from lineagehub_sdk.errors import APIError

__all__ = [
    "APIError",
    "BatchingLineageClient",
    "HealthStatus",
    "LineageEvent",
    "LineageHubClient",
    "LineageReceipt",
    "NamespaceInfo",
    "Rejection",
    "TelemetryClient",
    "TelemetryData",
    "TelemetryReceipt",
]
