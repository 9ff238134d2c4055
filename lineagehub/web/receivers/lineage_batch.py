"""`POST /api/v1/lineage/batch`: many OpenLineage events as the OpenLineage specification sends them, a bare array; or NDJSON.

All or nothing never: each event is taken or refused by itself.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Raw
from pydantic import BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.errors import Unavailable
from lineagehub.web.answers import json_answer
from lineagehub.web.bodies import BODIES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.documents import decode_as
from lineagehub.web.endpoint import JSON, NDJSON
from lineagehub.web.parts import SETTINGS, namespace_of
from lineagehub.web.problems import SCHEMA_INVALID, Refused
from lineagehub.web.rate_limits import charge
from lineagehub.web.receivers.event_ids import check_idempotency_key
from lineagehub.web.receivers.lineage_event import (
    LARGE_BATCH_BYTES,
    MAXIMUM_EVENTS,
    EventOutcome,
    EventResult,
    EventWarning,
    count_refused,
    count_valid,
    describe_warnings,
    read_events,
    write_events,
)

MAXIMUM_LINES = 10 * MAXIMUM_EVENTS
"""Empty lines are skipped, but not without end."""


class BatchSummary(BaseModel):
    """How many events fared how."""

    received: int
    successful: int
    failed: int
    retriable: int
    non_retriable: int


class FailedEvent(BaseModel):
    """One event that the broker does not have. A retriable one may be sent again, unchanged."""

    index: int = Field(description="From 0; empty lines of NDJSON do not count.")
    reason: str
    retriable: bool


class BatchReceipt(BaseModel):
    """What became of a batch, as the OpenLineage specification says; `warnings` are the hub's own."""

    status: Literal["success", "partial_success"]
    summary: BatchSummary
    failed_events: list[FailedEvent]
    warnings: list[EventWarning] = Field([], description="Only there when there are any; at most 50.")


_ARRAY = msgspec.json.Decoder(Annotated[list[Raw], Meta(min_length=1, max_length=MAXIMUM_EVENTS)])
_WHAT, _SHAPE = "The batch", f"It is an array of 1 to {MAXIMUM_EVENTS} events, and nothing around it."


async def receive_lineage_batch(request: web.Request) -> web.Response:
    """Take many events: 204 when the broker has all of them, else 200 with what failed; 503 when it has none and may later."""
    media_type = require_media_type(request, (JSON, NDJSON))
    check_idempotency_key(request)
    settings = request.app[SETTINGS].web
    async with request.app[BODIES].read(request, BodyLimits(settings.batch_bytes, settings.batch_bytes)) as body:
        if len(body) > LARGE_BATCH_BYTES:
            results = await asyncio.to_thread(_read_batch, body, media_type, settings.event_bytes)
        else:
            results = _read_batch(body, media_type, settings.event_bytes)
        charge(request, count_valid(results), len(body))
        outcomes = await write_events(request, namespace_of(request), results)
    answer = _answer(results, outcomes)
    count_refused(request, outcomes)
    return answer


def _read_batch(body: bytes, media_type: str, maximum_bytes: int) -> list[EventResult]:
    events = _lines(body) if media_type == NDJSON else map(bytes, decode_as(body, _ARRAY, _WHAT, _SHAPE))
    return read_events(events, maximum_bytes)


def _lines(body: bytes) -> list[bytes]:
    """Return the events of an NDJSON body, unread: a broken line is one event that fails."""
    if body.count(b"\n") > MAXIMUM_LINES:
        raise _wrong_length(f"has more than {MAXIMUM_LINES} lines")
    lines = (line.strip() for line in io.BytesIO(body))
    events = list(islice(filter(None, lines), MAXIMUM_EVENTS + 1))
    if not events:
        raise _wrong_length("holds no event")
    if len(events) > MAXIMUM_EVENTS:
        raise _wrong_length(f"holds more than {MAXIMUM_EVENTS} events")
    return events


def _wrong_length(what: str) -> Refused:
    return Refused(
        SCHEMA_INVALID, f"The batch {what}; send 1 to {MAXIMUM_EVENTS}, one a line.", [Fault("", f"{what}.")]
    )


def _answer(results: Sequence[EventResult], outcomes: Sequence[EventOutcome]) -> web.Response:
    failed = [(index, outcome) for index, outcome in enumerate(outcomes) if outcome is not None]
    retriable = [outcome for _, outcome in failed if isinstance(outcome, Unavailable)]
    if retriable and len(failed) == len(outcomes):
        raise retriable[0]
    warnings = describe_warnings(results, outcomes)
    if not failed and not warnings:
        return web.Response(status=204)
    receipt: dict[str, Any] = {
        "status": "partial_success" if failed else "success",
        "summary": {
            "received": len(outcomes),
            "successful": len(outcomes) - len(failed),
            "failed": len(failed),
            "retriable": len(retriable),
            "non_retriable": len(failed) - len(retriable),
        },
        "failed_events": [_describe(index, outcome) for index, outcome in failed],
    }
    if warnings:
        receipt["warnings"] = warnings
    return json_answer(receipt)


def _describe(index: int, outcome: Refused | Unavailable) -> dict[str, Any]:
    if isinstance(outcome, Refused):
        return {"index": index, "reason": f"{outcome.problem.reason}: {outcome.detail}", "retriable": False}
    reason = "unavailable: Kafka did not acknowledge the event in time; send it again."
    return {"index": index, "reason": reason, "retriable": True}
