"""OpenLineage events, from bytes to what is written: checked, named by an id, keyed; and what became of each of many.

Shared by the lineage receivers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.headers import SOUND, ContentKind
from lineagehub.contract.keys import lineage_key
from lineagehub.contract.lineage import Fault, content_id, find_faults, find_quarantined_facets
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.errors import Permanent, Unavailable
from lineagehub.web.documents import parse_json
from lineagehub.web.parts import METRICS
from lineagehub.web.problems import PAYLOAD_TOO_LARGE, SCHEMA_INVALID, TIMESTAMP_OUT_OF_RANGE, Refused, problem_of
from lineagehub.web.receivers.event_ids import normalise_event_id
from lineagehub.web.receivers.records import RECORDS, TenantRecord

MAXIMUM_EVENTS = 1_000
"""Of one batch."""

LARGE_BATCH_BYTES = 32_768
"""Judging more than this takes milliseconds, about one for ten events of 3 kB: receivers of batches do it in a thread."""

MAXIMUM_WARNINGS = 50
"""Quarantined facets that one answer names."""


class QuarantinedFacet(BaseModel):
    """A facet that is not what the OpenLineage specification says: kept as it came, and nothing is derived from it."""

    pointer: str = Field(description="JSON pointer (RFC 6901) of the facet in the event.")
    detail: str = Field(description="What is wrong, with a pointer into the facet.")


class EventWarning(QuarantinedFacet):
    """A quarantined facet of one of the events of a batch that were taken."""

    index: int


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """A valid event: the record to write, and its facets that are quarantined."""

    record: TenantRecord
    quarantined_facets: Sequence[Fault] = ()


EventResult = CheckedEvent | Refused
EventOutcome = Refused | Unavailable | None
"""What became of an event: None, the broker has it; Refused, it will never be taken; Unavailable, it may be sent again."""


def read_event(body: bytes, maximum_bytes: int, given_id: str | None = None) -> CheckedEvent:
    """Check one event and return the record to write, its value the very bytes. Refuses with 400, 413 or 422.

    Pure but for the clock; some 120 us for 3 kB, of which facets are 13.
    """
    if len(body) > maximum_bytes:
        raise Refused(PAYLOAD_TOO_LARGE, f"The event has {len(body)} bytes; an event may have {maximum_bytes}.")
    event_id = normalise_event_id(given_id) if given_id is not None else None
    document = parse_json(body)
    faults = find_faults(document, datetime.now(UTC))
    if faults:
        only_times = all(fault.reason is Reason.TIMESTAMP_OUT_OF_RANGE for fault in faults)
        first = f"{faults[0].pointer or 'The event'} {faults[0].detail}"
        more = f" There are {len(faults) - 1} more faults; see errors." if len(faults) > 1 else ""
        raise Refused(TIMESTAMP_OUT_OF_RANGE if only_times else SCHEMA_INVALID, first + more, faults)
    quarantined = find_quarantined_facets(document)
    finding = "" if quarantined else SOUND
    record = TenantRecord(event_id or content_id(document), body, lineage_key(document), finding=finding)
    return CheckedEvent(record, quarantined)


def read_events(bodies: Iterable[bytes], maximum_bytes: int) -> list[EventResult]:
    """Return for each event what to write, or why not. Blocks: see `read_event`."""
    results: list[EventResult] = []
    for body in bodies:
        try:
            results.append(read_event(body, maximum_bytes))
        except Refused as refused:
            results.append(refused)
    return results


def count_valid(results: Iterable[EventResult]) -> int:
    """Return how many events there are to write."""
    return sum(isinstance(result, CheckedEvent) for result in results)


async def write_events(request: web.Request, namespace: str, results: Sequence[EventResult]) -> list[EventOutcome]:
    """Write the valid events at once; return what became of each."""
    records = [result.record for result in results if isinstance(result, CheckedEvent)]
    writing = request.app[RECORDS].write_each(OPENLINEAGE_EVENTS, ContentKind.OPENLINEAGE, namespace, records)
    errors = iter(await writing)
    outcomes: list[EventOutcome] = []
    for result in results:
        outcome: EventOutcome
        if isinstance(result, Refused):
            outcome = result
        else:
            error = next(errors)
            outcome = Refused(problem_of(error.reason), str(error)) if isinstance(error, Permanent) else error
        outcomes.append(outcome)
    return outcomes


def count_refused(request: web.Request, outcomes: Iterable[EventOutcome]) -> None:
    """Count the refused events of a batch that is answered with 2xx."""
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            request.app[METRICS].rejected_items.labels("lineage", outcome.problem.reason).inc()


def describe_quarantined(facets: Iterable[Fault]) -> list[dict[str, Any]]:
    """Return the quarantined facets of an event as they stand in an answer; at most 50."""
    return [{"pointer": fault.pointer, "detail": fault.detail} for fault in list(facets)[:MAXIMUM_WARNINGS]]


def describe_warnings(results: Sequence[EventResult], outcomes: Sequence[EventOutcome]) -> list[dict[str, Any]]:
    """Return the quarantined facets of those events of a batch that the broker has, with each one's index; at most 50."""
    warnings = [
        {"index": index, "pointer": fault.pointer, "detail": fault.detail}
        for index, (result, outcome) in enumerate(zip(results, outcomes, strict=True))
        if isinstance(result, CheckedEvent) and outcome is None
        for fault in result.quarantined_facets[:MAXIMUM_WARNINGS]
    ]
    return warnings[:MAXIMUM_WARNINGS]
