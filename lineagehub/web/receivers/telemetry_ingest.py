"""`POST /api/v1/telemetry/ingest`: spans and metrics in the hub's own JSON, with one result an item.

They become OTLP here, at the edge: the topics hold nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import BaseModel, Field

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.lineage import Fault
from lineagehub.contract.topics import OTEL_METRICS, OTEL_SPANS, Topic
from lineagehub.otlp.outline import Outline
from lineagehub.web.answers import json_answer
from lineagehub.web.bodies import BODIES, LARGE_BYTES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.documents import decode_as
from lineagehub.web.endpoint import JSON
from lineagehub.web.parts import METRICS, SETTINGS, namespace_of
from lineagehub.web.problems import NAMESPACE_MISMATCH, PAYLOAD_TOO_LARGE, SCHEMA_INVALID, Refused
from lineagehub.web.rate_limits import charge
from lineagehub.web.receivers.otlp import RECORD_OVERHEAD_BYTES
from lineagehub.web.receivers.otlp_metrics import METRICS as OTLP_METRICS
from lineagehub.web.receivers.otlp_split import split_request
from lineagehub.web.receivers.otlp_traces import TRACES
from lineagehub.web.receivers.records import RECORDS, TenantRecord
from lineagehub.web.receivers.telemetry_items import HubMetric, HubSpan, Item, Read, read_metric, read_span

MAXIMUM_ITEMS = 1_000
HEADER_BYTES = 65_536
"""Kept free in each record for the resource and the scope around an item."""

Source = Annotated[str, Meta(max_length=256, description="Who sends this: the name of the instrumentation scope.")]


class TelemetryIngestRequest(Struct):
    """The documented body. `{"telemetry_request": {…}}` around it is taken, too."""

    traces: Annotated[list[HubSpan], Meta(max_length=MAXIMUM_ITEMS)] = []
    metrics: Annotated[list[HubMetric], Meta(max_length=MAXIMUM_ITEMS)] = []
    namespace: Annotated[str, Meta(description="The key's own namespace, or nothing.")] | None = None
    source: Source | None = None


class RejectedItem(BaseModel):
    """One item that was not taken. Sending it again, unchanged, never helps."""

    signal: str = Field(description="`traces` or `metrics`: the list that it stands in.")
    index: int
    reason: str
    detail: str
    pointer: str = Field(description="JSON pointer (RFC 6901) into the body.")


class TelemetryReceipt(BaseModel):
    """What became of each item. Accepted ones are with the broker."""

    accepted: int
    rejected: int
    traces_accepted: int
    traces_rejected: int
    metrics_accepted: int
    metrics_rejected: int
    errors: list[RejectedItem]
    namespace: str


class _Flat(Struct):
    traces: Annotated[list[Raw], Meta(max_length=MAXIMUM_ITEMS)] = []
    metrics: Annotated[list[Raw], Meta(max_length=MAXIMUM_ITEMS)] = []
    namespace: str | None = None
    source: Source | None = None


class _Wrapped(Struct):
    telemetry_request: Raw | UnsetType = UNSET


_FLAT, _WRAPPED = msgspec.json.Decoder(_Flat), msgspec.json.Decoder(_Wrapped)
_WHAT, _SHAPE = "The envelope", "It is {namespace?, traces[0..1000], metrics[0..1000], source?}."


@dataclass(frozen=True, slots=True)
class _List:
    """One of the two lists: how its items are read, and where they go."""

    name: str
    read: Read
    topic: Topic
    kind: ContentKind
    outline: Outline

    @property
    def maximum_record_bytes(self) -> int:
        return int(self.topic.config["max.message.bytes"]) - RECORD_OVERHEAD_BYTES


_LISTS = (
    _List("traces", read_span, OTEL_SPANS, ContentKind.TRACES, TRACES.outline),
    _List("metrics", read_metric, OTEL_METRICS, ContentKind.METRICS, OTLP_METRICS.outline),
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one list: its records, how many items are in them, and what the answer says of the others."""

    kind: _List
    records: list[TenantRecord]
    accepted: int
    errors: list[dict[str, Any]]

    @property
    def events(self) -> int:
        """How many of the quota its records take."""
        return sum(record.events for record in self.records)


async def receive_telemetry(request: web.Request) -> web.Response:
    """Take many spans and metrics. The answer is 200 with a result for each, or 503 as a whole: then send all again."""
    require_media_type(request, (JSON,))
    settings = request.app[SETTINGS].web
    namespace = namespace_of(request)
    async with request.app[BODIES].read(request, BodyLimits(settings.batch_bytes, settings.batch_bytes)) as body:
        if len(body) > LARGE_BYTES:
            outcomes = await asyncio.to_thread(_read, body, namespace)
        else:
            outcomes = _read(body, namespace)
        charge(request, sum(outcome.accepted for outcome in outcomes), len(body))
        request.app[RECORDS].require_room(namespace, sum(outcome.events for outcome in outcomes))
        await asyncio.gather(*(_write(request, namespace, outcome) for outcome in outcomes))
    for outcome in outcomes:
        for error in outcome.errors:
            request.app[METRICS].rejected_items.labels(outcome.kind.name, error["reason"]).inc()
    return json_answer(_receipt(outcomes, namespace))


def _read(body: bytes, namespace: str) -> list[_Outcome]:
    """Return for each list what to write, and why not. Refuses the whole when the envelope is wrong."""
    wrapped = decode_as(body, _WRAPPED, _WHAT, _SHAPE).telemetry_request
    prefix = "" if wrapped is UNSET else "/telemetry_request"
    envelope = decode_as(body if wrapped is UNSET else bytes(wrapped), _FLAT, _WHAT, _SHAPE)
    if envelope.namespace is not None and envelope.namespace != namespace:
        raise Refused(
            NAMESPACE_MISMATCH,
            f"The body names the namespace {envelope.namespace[:80]!r}; this key writes to {namespace!r} only.",
            [Fault(f"{prefix}/namespace", "must be the key's namespace, or left out.")],
        )
    if not envelope.traces and not envelope.metrics:
        raise Refused(SCHEMA_INVALID, f"There are neither traces nor metrics in the envelope. {_SHAPE}")
    given = (envelope.traces, envelope.metrics)
    return [
        _read_list(kind, items, f"{prefix}/{kind.name}", envelope.source or "")
        for kind, items in zip(_LISTS, given, strict=True)
    ]


def _read_list(kind: _List, given: list[Raw], pointer: str, source: str) -> _Outcome:
    items: list[Item[Any]] = []
    errors: list[dict[str, Any]] = []
    for index, body in enumerate(given):
        try:
            item = kind.read(bytes(body))
            if item.message.ByteSize() > kind.maximum_record_bytes - HEADER_BYTES:
                raise Refused(PAYLOAD_TOO_LARGE, "The item is larger than a record of Kafka may be.")
            items.append(item)
        except Refused as refused:
            inner = refused.errors[0].pointer if refused.errors else ""
            error = {"signal": kind.name, "index": index, "reason": refused.problem.reason, "detail": refused.detail}
            errors.append(error | {"pointer": f"{pointer}/{index}{inner}"})
    return _Outcome(kind, _records(kind, items, source), len(items), errors)


def _records(kind: _List, items: list[Item[Any]], source: str) -> list[TenantRecord]:
    """Return the items as Export requests with one resource a service, in their order, cut to what Kafka takes."""
    if not items:
        return []
    request = ExportTraceServiceRequest() if kind.topic is OTEL_SPANS else ExportMetricsServiceRequest()
    scopes: dict[str, Any] = {}
    for item in items:
        scope = scopes.get(item.service)
        if scope is None:
            scope = scopes[item.service] = _add_scope(request, item.service, source)
        (scope.spans if kind.topic is OTEL_SPANS else scope.metrics).append(item.message)
    values = split_request(request.SerializeToString(), kind.maximum_record_bytes).parts
    count = kind.outline.count_items
    return [TenantRecord(hashlib.sha256(value).hexdigest()[:32], value, events=count(value)) for value in values]


def _add_scope(request: Any, service: str, source: str) -> Any:
    if isinstance(request, ExportTraceServiceRequest):
        traces = request.resource_spans.add()
        resource, scope = traces.resource, traces.scope_spans.add()
    else:
        metrics = request.resource_metrics.add()
        resource, scope = metrics.resource, metrics.scope_metrics.add()
    resource.attributes.add(key="service.name").value.string_value = service
    scope.scope.name = source
    return scope


async def _write(request: web.Request, namespace: str, outcome: _Outcome) -> None:
    """Write the records of one list; a repeat after 503 makes the same records, with the same ids."""
    kind = outcome.kind
    for error in await request.app[RECORDS].write_all(kind.topic, kind.kind, namespace, outcome.records):
        if error is not None:
            raise error


def _receipt(outcomes: list[_Outcome], namespace: str) -> dict[str, Any]:
    receipt: dict[str, Any] = {
        "accepted": sum(outcome.accepted for outcome in outcomes),
        "rejected": sum(len(outcome.errors) for outcome in outcomes),
    }
    for outcome in outcomes:
        receipt[f"{outcome.kind.name}_accepted"] = outcome.accepted
        receipt[f"{outcome.kind.name}_rejected"] = len(outcome.errors)
    return receipt | {"errors": [error for outcome in outcomes for error in outcome.errors], "namespace": namespace}
