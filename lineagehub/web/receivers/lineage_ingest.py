"""`POST /api/v1/lineage/ingest`: many OpenLineage events in the hub's own envelope, with one result an event."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from pydantic import BaseModel, ConfigDict, Field

from lineagehub.contract.lineage import Fault
from lineagehub.errors import Unavailable
from lineagehub.web.answers import json_answer
from lineagehub.web.bodies import BODIES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.documents import decode_as
from lineagehub.web.endpoint import JSON
from lineagehub.web.parts import SETTINGS, namespace_of
from lineagehub.web.problems import NAMESPACE_MISMATCH, Refused
from lineagehub.web.rate_limits import charge
from lineagehub.web.receivers.event_ids import check_idempotency_key
from lineagehub.web.receivers.lineage_event import (
    LARGE_BATCH_BYTES,
    MAXIMUM_EVENTS,
    EventResult,
    EventWarning,
    count_refused,
    count_valid,
    describe_warnings,
    read_events,
    write_events,
)


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
    warnings: list[EventWarning] = Field([], description="Only there when there are any; at most 50.")


class _Flat(Struct):
    events: Annotated[list[Raw], Meta(min_length=1, max_length=MAXIMUM_EVENTS)]
    namespace: str | None = None
    source: Annotated[str, Meta(max_length=256)] | None = None


class _Wrapped(Struct):
    lineage_data: Raw | UnsetType = UNSET


_FLAT, _WRAPPED = msgspec.json.Decoder(_Flat), msgspec.json.Decoder(_Wrapped)
_WHAT, _SHAPE = "The envelope", "It is {namespace?, events[1..1000], source?}."


async def receive_lineage_envelope(request: web.Request) -> web.Response:
    """Take many events. The answer is 200 with a result for each, or 503 as a whole: then send all of them again."""
    require_media_type(request, (JSON,))
    check_idempotency_key(request)
    settings = request.app[SETTINGS].web
    namespace = namespace_of(request)
    async with request.app[BODIES].read(request, BodyLimits(settings.batch_bytes, settings.batch_bytes)) as body:
        if len(body) > LARGE_BATCH_BYTES:
            results = await asyncio.to_thread(_read_events, body, namespace, settings.event_bytes)
        else:
            results = _read_events(body, namespace, settings.event_bytes)
        charge(request, count_valid(results), len(body))
        outcomes = await write_events(request, namespace, results)
    for outcome in outcomes:
        if isinstance(outcome, Unavailable):
            # Some events may be written: the client sends all again, and their ids, made from the content, are the same.
            raise outcome
    count_refused(request, outcomes)
    errors = [_describe(index, outcome) for index, outcome in enumerate(outcomes) if isinstance(outcome, Refused)]
    receipt: dict[str, Any] = {
        "accepted": len(outcomes) - len(errors),
        "rejected": len(errors),
        "errors": errors,
        "namespace": namespace,
    }
    if warnings := describe_warnings(results, outcomes):
        receipt["warnings"] = warnings
    return json_answer(receipt)


def _read_events(body: bytes, namespace: str, maximum_bytes: int) -> list[EventResult]:
    """Return for each event what to write, or why not. Refuses the whole when the envelope is wrong."""
    envelope = _read_envelope(body)
    if envelope.namespace is not None and envelope.namespace != namespace:
        raise Refused(
            NAMESPACE_MISMATCH,
            f"The body names the namespace {envelope.namespace[:80]!r}; this key writes to {namespace!r} only.",
            [Fault("/namespace", "must be the key's namespace, or left out.")],
        )
    return read_events(map(bytes, envelope.events), maximum_bytes)


def _read_envelope(body: bytes) -> _Flat:
    wrapped = decode_as(body, _WRAPPED, _WHAT, _SHAPE).lineage_data
    return decode_as(body if wrapped is UNSET else bytes(wrapped), _FLAT, _WHAT, _SHAPE)


def _describe(index: int, refused: Refused) -> dict[str, Any]:
    described: dict[str, Any] = {"index": index, "reason": refused.problem.reason, "detail": refused.detail}
    if refused.errors:
        described["pointer"] = refused.errors[0].pointer
    return described
