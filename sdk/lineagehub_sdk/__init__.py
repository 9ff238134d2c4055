"""LineageHub's thin client: lineage and telemetry from any Python pipeline, without ever slowing it or breaking it.

    from lineagehub_sdk import lineage_track

    @lineage_track(inputs=["s3://raw/orders"], outputs=["postgres://db:5432/shop.public.orders"])
    def load_orders(day): ...

Standard library only at import; `[kafka]` and `[otel]` are extras, imported when used. Everything public is named here; modules that
begin with an underscore may change at any time.

    _lineage: decorator, run -> _client -> _delivery: queue, JSON, memory or disk -> transports: http, kafka, file …
    _telemetry: the run's span and metrics, exporters by the same transports        clients, cli: the hub's routes by hand
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lineagehub_sdk._client import configure, emit, flush, reset_config
from lineagehub_sdk._client import current_config as get_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._lineage.datasets import (
    AdapterType,
    DataFormat,
    DatasetSpec,
    create_dataset_specs,
    get_adapter_examples,
    validate_dataset_spec,
)
from lineagehub_sdk._lineage.decorator import lineage_track, telemetry_track
from lineagehub_sdk._lineage.propagation import child_environment, extract, in_context, inject
from lineagehub_sdk._lineage.run import Run, current_run, run
from lineagehub_sdk.errors import APIError, LineageHubSdkError

if TYPE_CHECKING:
    from lineagehub_sdk.clients import (
        BatchingLineageClient,
        LineageEvent,
        LineageHubClient,
        TelemetryClient,
        TelemetryData,
    )

__version__ = "0.1.0"

__all__ = [
    "APIError",
    "AdapterType",
    "BatchingLineageClient",
    "DataFormat",
    "DatasetSpec",
    "LineageEvent",
    "LineageHubClient",
    "LineageHubConfig",
    "LineageHubSdkError",
    "Run",
    "TelemetryClient",
    "TelemetryData",
    "child_environment",
    "configure",
    "create_dataset_specs",
    "current_run",
    "emit",
    "extract",
    "flush",
    "get_adapter_examples",
    "get_config",
    "in_context",
    "inject",
    "lineage_track",
    "reset_config",
    "run",
    "telemetry_track",
    "validate_dataset_spec",
]

_LAZY = {
    "BatchingLineageClient": "lineagehub_sdk.clients",
    "LineageEvent": "lineagehub_sdk.clients",
    "LineageHubClient": "lineagehub_sdk.clients",
    "TelemetryClient": "lineagehub_sdk.clients",
    "TelemetryData": "lineagehub_sdk.clients",
}
"""Names whose modules are imported when they are asked for: asyncio alone costs 25 ms."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
    return value
