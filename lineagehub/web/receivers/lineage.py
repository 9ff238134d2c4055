"""`POST /api/v1/lineage`: one OpenLineage event, as every OpenLineage client sends it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.headers import HTTP_EVENT_ID, ContentKind
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.web.answers import json_answer
from lineagehub.web.bodies import BODIES, LARGE_BYTES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.endpoint import JSON
from lineagehub.web.parts import SETTINGS, namespace_of
from lineagehub.web.rate_limits import charge
from lineagehub.web.receivers.lineage_event import QuarantinedFacet, describe_quarantined, read_event
from lineagehub.web.receivers.records import RECORDS


class EventReceipt(BaseModel):
    """The broker has the event."""

    event_id: str = Field(
        description="Names the event in the store and in dead letters; the same event has the same id."
    )
    quarantined_facets: list[QuarantinedFacet] = Field([], description="Only there when there are any; at most 50.")


async def receive_lineage(request: web.Request) -> web.Response:
    """Take one event; 201 once the broker acknowledged it."""
    require_media_type(request, (JSON,))
    maximum = request.app[SETTINGS].web.event_bytes
    given_id = request.headers.get(HTTP_EVENT_ID)
    async with request.app[BODIES].read(request, BodyLimits(maximum, maximum)) as body:
        if len(body) > LARGE_BYTES:
            event = await asyncio.to_thread(read_event, body, maximum, given_id)
        else:
            event = read_event(body, maximum, given_id)
        charge(request, 1, len(body))
        namespace = namespace_of(request)
        await request.app[RECORDS].write(OPENLINEAGE_EVENTS, ContentKind.OPENLINEAGE, namespace, event.record)
    receipt: dict[str, Any] = {"event_id": event.record.event_id}
    if event.quarantined_facets:
        receipt["quarantined_facets"] = describe_quarantined(event.quarantined_facets)
    return json_answer(receipt, 201)
