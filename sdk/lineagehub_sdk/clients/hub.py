"""The hub, asked directly: explicit calls, whose answer the caller waits for. Tracking never uses it.

    async with LineageHubClient() as client:
        receipt = await client.send_lineage_events([event])

What is in a receipt as accepted was acknowledged by the hub's broker. Everything else is an APIError; what might have helped to ask
again was asked again before (`retry_attempts`, `retry_delay`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

from lineagehub_sdk import _clock, _wire
from lineagehub_sdk._client import current_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import log
from lineagehub_sdk._hub_connection import requests_of
from lineagehub_sdk.clients._calls import HubCalls, read_reply
from lineagehub_sdk.clients.models import (
    HealthStatus,
    LineageEvent,
    LineageReceipt,
    NamespaceInfo,
    Rejection,
    TelemetryReceipt,
)
from lineagehub_sdk.errors import APIError

Event = Mapping[str, Any] | LineageEvent

TELEMETRY_PATH = "/api/v1/telemetry/ingest"
NAMESPACES_PATH = "/api/v1/namespaces"
NAMESPACES_A_PAGE = 1_000
SOURCE = "lineagehub-sdk"


class LineageHubClient:
    """The hub's API. To be closed: `async with`, or `close()`. Calls may run at once; each has a connection."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        namespace: str | None = None,
        config: LineageHubConfig | None = None,
    ) -> None:
        """Arguments win over `config`, by default the configuration in force. Raises APIError for an address or a key that is none."""
        given: Any = {"hub_endpoint": base_url, "api_key": api_key, "namespace": namespace}
        changes = {name: value for name, value in given.items() if value is not None}
        self.config = replace(config or current_config(), **changes)
        self._calls = HubCalls(self.config)

    async def __aenter__(self) -> LineageHubClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    async def health_check(self) -> HealthStatus:
        """Ask how the hub is; one that is not ready is an answer, too."""
        self._require_sending()
        health = await self._calls.read("GET", "/api/v1/health", _health_document)
        ready = await self._calls.ask("GET", "/readyz", answers=frozenset({503}))
        readiness = read_reply(ready, _readiness) if ready.status in (200, 503) else ("unknown", {})
        return HealthStatus(*health, _clock.now().isoformat(), *readiness)

    async def send_lineage_events(
        self, events: Sequence[Event], namespace: str | None = None, source: str | None = None
    ) -> LineageReceipt:
        """Send OpenLineage events, as many as there are; return what became of each.

        A repeat is harmless: the hub knows an event again by its content. Raises APIError when a request was refused as a whole, or
        the hub is away; then none, or only the first of the events are taken. TypeError or ValueError: an event is no JSON.
        """
        bodies = [encode(event.to_dict() if isinstance(event, LineageEvent) else event) for event in events]
        namespace = namespace or self.config.namespace
        if self._holds_back(f"{len(bodies)} events"):
            return LineageReceipt(len(bodies), 0, [], namespace)
        counts, errors, namespace = await self._send(_wire.HTTP_INGEST_PATH, {"events": bodies}, namespace, source)
        return LineageReceipt(counts["accepted"], counts["rejected"], errors, namespace)

    async def send_telemetry_data(
        self,
        traces: Sequence[Mapping[str, Any]] | None = None,
        metrics: Sequence[Mapping[str, Any]] | None = None,
        namespace: str | None = None,
        source: str | None = None,
    ) -> TelemetryReceipt:
        """Send spans and metrics in the hub's own JSON; return what became of each. Errors as of `send_lineage_events`.

        A span is `{traceId, spanId, parentSpanId?, operationName, serviceName, startTime (ms), duration (µs), kind, status: {code},
        tags, logs}`, a metric `{name, type, value, unit, serviceName, timestamp (ms), tags}`. A repeat after an error may double them.
        """
        spans, points = [encode(span) for span in traces or ()], [encode(point) for point in metrics or ()]
        namespace = namespace or self.config.namespace
        if self._holds_back(f"{len(spans)} spans and {len(points)} metrics"):
            return TelemetryReceipt(len(spans), 0, len(points), 0, [], namespace)
        lists = {"traces": spans, "metrics": points}
        counts, errors, namespace = await self._send(TELEMETRY_PATH, lists, namespace, source)
        return TelemetryReceipt(
            counts["traces_accepted"],
            counts["traces_rejected"],
            counts["metrics_accepted"],
            counts["metrics_rejected"],
            errors,
            namespace,
        )

    async def get_namespace(self, name: str) -> NamespaceInfo:
        """Read a namespace. Raises APIError, of reason `not_found` for one that is not there, or not the key's to see."""
        self._require_sending()
        return await self._calls.read("GET", f"{NAMESPACES_PATH}/{quote(name, safe='')}", NamespaceInfo.of)

    async def list_namespaces(self) -> list[NamespaceInfo]:
        """Read the namespaces that the key may see, by name."""
        self._require_sending()
        found: list[NamespaceInfo] = []
        query = {"limit": str(NAMESPACES_A_PAGE)}
        while True:
            page, cursor = await self._calls.read("GET", f"{NAMESPACES_PATH}?{urlencode(query)}", _namespaces)
            found += page
            if not cursor:
                return found
            query["cursor"] = cursor

    async def _send(
        self, path: str, lists: Mapping[str, list[bytes]], namespace: str, source: str | None
    ) -> tuple[Counter[str], list[Rejection], str]:
        """Send lists of items in as many requests as it takes; return the sum of the receipts."""
        counts: Counter[str] = Counter()
        errors: list[Rejection] = []
        for name, items in lists.items():
            for part in requests_of(map(len, items)):
                chosen = items[part]
                body = _body(name, chosen, namespace, source)
                receipt = await self._calls.read("POST", path, _receipt_of(len(chosen)), body)
                counts.update({key: value for key, value in receipt.items() if isinstance(value, int)})
                errors += [
                    Rejection(part.start + error["index"], error["reason"], error["detail"], name)
                    for error in receipt["errors"]
                ]
                namespace = receipt["namespace"]
        return counts, errors, namespace

    def _holds_back(self, what: str) -> bool:
        """Whether nothing is to be sent: it is logged, then, and counts as taken."""
        holds_back = self.config.disabled or self.config.dry_run or not self.config.send
        if holds_back:
            log.info("lineagehub: held back %s (disabled, dry_run or not send).", what)
        return holds_back

    def _require_sending(self) -> None:
        if self.config.disabled or not self.config.send:
            raise APIError(
                "The hub is not asked: the SDK is disabled, or runs under pytest; LINEAGEHUB_SEND=true asks it.",
                reason="held_back",
            )


def encode(item: Mapping[str, Any]) -> bytes:
    """Return an item as JSON. Raises TypeError or ValueError when it is none."""
    return json.dumps(dict(item), separators=(",", ":"), allow_nan=False).encode()


def _body(name: str, items: list[bytes], namespace: str, source: str | None) -> bytes:
    envelope: dict[str, Any] = {"source": source or SOURCE} | ({"namespace": namespace} if namespace else {})
    return json.dumps(envelope).encode()[:-1] + b',"' + name.encode() + b'":[' + b",".join(items) + b"]}"


def _receipt_of(count: int) -> Callable[[Any], dict[str, Any]]:
    """Return what reads a receipt of `count` items; one that does not account for each is none."""

    def read(document: Any) -> dict[str, Any]:
        if document["accepted"] + len(document["errors"]) != count:
            raise ValueError("the receipt does not account for every item")
        return dict(document)

    return read


def _health_document(document: Any) -> tuple[str, str]:
    return document["status"], document["version"]


def _readiness(document: Any) -> tuple[str, dict[str, str]]:
    dependencies = document["dependencies"].items()
    return document["status"], {name: "ok" if part["ok"] else str(part["reason"]) for name, part in dependencies}


def _namespaces(document: Any) -> tuple[list[NamespaceInfo], str | None]:
    return [NamespaceInfo.of(namespace) for namespace in document["namespaces"]], document.get("nextCursor")
