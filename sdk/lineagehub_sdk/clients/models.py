"""What clients take and return: plain dataclasses, with the names that users of the data-lineage-hub SDK know.

`document` is the hub's answer as it came, with members that are named nowhere here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lineagehub_sdk import _clock
from lineagehub_sdk._lineage.facets import CORE_SCHEMA, PRODUCER


@dataclass
class LineageEvent:
    """An OpenLineage RunEvent. `eventType` is START, RUNNING, COMPLETE, FAIL, ABORT or OTHER; `eventTime` ISO 8601, default now."""

    eventType: str
    run: dict[str, Any]
    job: dict[str, Any]
    eventTime: str = field(default_factory=lambda: _clock.now().isoformat())
    producer: str = PRODUCER
    inputs: list[dict[str, Any]] | None = None
    outputs: list[dict[str, Any]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as OpenLineage has it, without what is not set."""
        return _without_none(asdict(self)) | {"schemaURL": f"{CORE_SCHEMA}/RunEvent"}

    model_dump = to_dict


@dataclass
class TelemetryData:
    """A piece of telemetry, as the data-lineage-hub SDK models it; the hub takes spans and metrics (`TelemetryClient`)."""

    resource: dict[str, Any]
    timestamp: str
    traceId: str | None = None
    spanId: str | None = None
    attributes: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what is set."""
        return _without_none(asdict(self))

    model_dump = to_dict


@dataclass(frozen=True)
class Rejection:
    """One item that the hub did not take. Sending it again, unchanged, never helps."""

    index: int
    reason: str
    detail: str
    signal: str = "events"
    """In which list it stands: events, traces or metrics."""

    def __str__(self) -> str:
        return f"{self.signal}[{self.index}]: {self.reason}: {self.detail}"


@dataclass(frozen=True)
class LineageReceipt:
    """What became of events. Accepted ones are with the broker, or held back (`dry_run`, `disabled`, under pytest)."""

    accepted: int
    rejected: int
    errors: list[Rejection]
    namespace: str


@dataclass(frozen=True)
class TelemetryReceipt:
    """What became of spans and metrics; see LineageReceipt."""

    traces_accepted: int
    traces_rejected: int
    metrics_accepted: int
    metrics_rejected: int
    errors: list[Rejection]
    namespace: str


@dataclass(frozen=True)
class HealthStatus:
    """How the hub is. `readiness` is ready, degraded (takes data, some reads are away) or unready; `dependencies` say "ok" or why not."""

    status: str
    version: str
    timestamp: str
    readiness: str
    dependencies: dict[str, str]
    service: str = "lineagehub"


@dataclass(frozen=True)
class NamespaceInfo:
    """A namespace; times are ISO 8601."""

    name: str
    display_name: str
    description: str
    owners: list[str]
    retention_days: int
    created_at: str
    updated_at: str
    tags: dict[str, str]
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> NamespaceInfo:
        """Read the hub's document. Raises KeyError or TypeError when it is none."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name != "document"}
        return cls(**known, document=document)

    @property
    def storage_retention_days(self) -> int:
        """The name of `retention_days` in the data-lineage-hub SDK."""
        return self.retention_days


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}
