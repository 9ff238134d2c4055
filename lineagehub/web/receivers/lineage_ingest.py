"""`POST /api/v1/lineage/ingest`: many OpenLineage events in the hub's own envelope, with one result an event."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from pydantic import BaseModel, ConfigDict, Field

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.lineage import Fault
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.web.answers import json_answer
from lineagehub.web.bodies import BODIES, LARGE_BYTES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.documents import decode_as
from lineagehub.web.endpoint import JSON
from lineagehub.web.parts import METRICS, SETTINGS, namespace_of
from lineagehub.web.problems import NAMESPACE_MISMATCH, Refused, problem_of
from lineagehub.web.receivers.lineage_event import read_event
from lineagehub.web.receivers.records import RECORDS, TenantRecord

MAXIMUM_EVENTS = 1_000


class IngestRequest(BaseModel):
    """The documented body. `{"lineage_data": {…}}` around it is taken, too."""

    model_config = ConfigDict(extra="ignore")

    namespace: str | None = Field(None, description="The key's own namespace, or nothing.")
    events: list[dict[str, Any]] = Field(min_length=1, max_length=MAXIMUM_EVENTS, description="OpenLineage events.")
    source: str | None = Field(None, max_length=256, description="Who sends this; for people.")


class RejectedEvent(BaseModel):
    """One event that was not taken. Sending it again, unchanged, never helps."""

    index: int
    reason: str
    detail: str
    pointer: str | None = None


class IngestReceipt(BaseModel):
    """What became of each event. `accepted` ones are with the broker."""

    accepted: int
    rejected: int
    errors: list[RejectedEvent]
    namespace: str


class _Flat(Struct):
    events: Annotated[list[Raw], Meta(min_length=1, max_length=MAXIMUM_EVENTS)]
    namespace: str | None = None
    source: Annotated[str, Meta(max_length=256)] | None = None


class _Wrapped(Struct):
    lineage_data: Raw | UnsetType = UNSET


_FLAT, _WRAPPED = msgspec.json.Decoder(_Flat), msgspec.json.Decoder(_Wrapped)
_WHAT, _SHAPE = "The envelope", "It is {namespace?, events[1..1000], source?}."


async def receive_lineage_batch(request: web.Request) -> web.Response:
    """Take many events. The answer is 200 with a result for each, or 503 as a whole: then send all of them again."""
    require_media_type(request, (JSON,))
    settings = request.app[SETTINGS].web
    namespace = namespace_of(request)
    async with request.app[BODIES].read(request, BodyLimits(settings.batch_bytes, settings.batch_bytes)) as body:
        if len(body) > LARGE_BYTES:
            results = await asyncio.to_thread(_read_events, body, namespace, settings.event_bytes)
        else:
            results = _read_events(body, namespace, settings.event_bytes)
        outcomes = await _write(request, namespace, results)
    refusals = [(index, refused) for index, refused in enumerate(outcomes) if refused]
    for _, refused in refusals:
        request.app[METRICS].rejected_items.labels("lineage", refused.problem.reason).inc()
    return json_answer(
        {
            "accepted": len(outcomes) - len(refusals),
            "rejected": len(refusals),
            "errors": [_describe(index, refused) for index, refused in refusals],
            "namespace": namespace,
        }
    )


def _read_events(body: bytes, namespace: str, maximum_bytes: int) -> list[TenantRecord | Refused]:
    """Return for each event what to write, or why not. Refuses the whole when the envelope is wrong."""
    envelope = _read_envelope(body)
    if envelope.namespace is not None and envelope.namespace != namespace:
        raise Refused(
            NAMESPACE_MISMATCH,
            f"The body names the namespace {envelope.namespace[:80]!r}; this key writes to {namespace!r} only.",
            [Fault("/namespace", "must be the key's namespace, or left out.")],
        )
    results: list[TenantRecord | Refused] = []
    for event in envelope.events:
        try:
            results.append(read_event(bytes(event), maximum_bytes))
        except Refused as refused:
            results.append(refused)
    return results


def _read_envelope(body: bytes) -> _Flat:
    wrapped = decode_as(body, _WRAPPED, _WHAT, _SHAPE).lineage_data
    return decode_as(body if wrapped is UNSET else bytes(wrapped), _FLAT, _WHAT, _SHAPE)


async def _write(request: web.Request, namespace: str, results: list[TenantRecord | Refused]) -> list[Refused | None]:
    """Write all valid events at once; return for each event None, or why it was refused. Raises Unavailable.

    When the broker goes away half-way, some events are written and the client hears 503: it sends all again, and the
    ids, made from the content, are the same.
    """
    records = [result for result in results if isinstance(result, TenantRecord)]
    outcomes = iter(
        await request.app[RECORDS].write_all(OPENLINEAGE_EVENTS, ContentKind.OPENLINEAGE, namespace, records)
    )
    refusals: list[Refused | None] = []
    for result in results:
        if isinstance(result, Refused):
            refusals.append(result)
        else:
            error = next(outcomes)
            refusals.append(Refused(problem_of(error.reason), str(error)) if error else None)
    return refusals


def _describe(index: int, refused: Refused) -> dict[str, Any]:
    described: dict[str, Any] = {"index": index, "reason": refused.problem.reason, "detail": refused.detail}
    if refused.errors:
        described["pointer"] = refused.errors[0].pointer
    return described
