"""Lineage records: prove the writer, and that the value is one OpenLineage event, so that one bad record cannot fail its batch.

What the web signed it has validated, and it says of most events that their facets are sound, too: those are not even parsed here. What
a tenant signed is validated as the web would have (contract/lineage), against the broker's clock, so that a repeat gets the same verdict.
Facets that are not known to be sound are looked at, because the store keeps which of them are quarantined. The bytes go on untouched.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from lineagehub.contract.headers import SOUND, ContentKind
from lineagehub.contract.json_objects import TwoValues, refuse_two_values
from lineagehub.contract.lineage import content_id, find_faults, find_quarantined_facets
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub_agents.delivery.records import CheckedRecord, Record, Rejected
from lineagehub_agents.processors.verification import Verifier

MAXIMUM_EVENT_BYTES = 8 * 1_048_576
"""Largest event, as over HTTP (DESIGN section 5). The topic takes a little more, for headers."""

MAXIMUM_DEPTH = 64
"""Deepest nesting, as over HTTP (bad-input.md C04)."""


class LineageProcessor:
    """Checks records of openlineage-events."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        envelope = self._verifier.verify(record, ContentKind.OPENLINEAGE)
        value = record.value or b""
        retention_days = self._verifier.retention_days(envelope.namespace, Signal.LINEAGE)
        if envelope.says(SOUND) and self._verifier.is_validated(envelope):
            return CheckedRecord(record, value, envelope, retention_days)
        try:
            event = _decode(value)
            if not self._verifier.is_validated(envelope):
                _validate(event, record)
        except _UnfitEvent as unfit:
            raise Rejected(unfit.reason, str(unfit), envelope.namespace) from unfit
        if not envelope.key_id:
            # A third-party client's record names no event: its content does, so that a repeat is stored once.
            envelope = replace(envelope, event_id=content_id(event))
        quarantined = tuple(fault.pointer for fault in find_quarantined_facets(event, described=0))
        return CheckedRecord(record, value, envelope, retention_days, quarantined_facets=quarantined)


class _UnfitEvent(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _decode(value: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise _UnfitEvent(_json_reason(error), f"It is no JSON: {error}.") from error
    if not isinstance(event, dict):
        raise _UnfitEvent(Reason.SCHEMA_INVALID, "/ must be a JSON object.")
    return event


def _json_reason(error: orjson.JSONDecodeError) -> Reason:
    if "surrogate" in error.msg or "UTF-8" in error.msg:
        return Reason.INVALID_UNICODE
    # orjson 3.11 says "depth limit exceeded", earlier ones "Recursion limit reached"; both mean 1,024 levels.
    return Reason.TOO_DEEP if "limit" in error.msg else Reason.INVALID_JSON


def _validate(event: dict[str, Any], record: Record) -> None:
    if record.size > MAXIMUM_EVENT_BYTES:
        raise _UnfitEvent(Reason.TOO_LARGE, f"It has {record.size} bytes; an event has at most {MAXIMUM_EVENT_BYTES}.")
    if not _is_shallow(event):
        raise _UnfitEvent(Reason.TOO_DEEP, f"It is nested deeper than {MAXIMUM_DEPTH} levels.")
    try:
        refuse_two_values(record.value or b"")
    except TwoValues as error:
        raise _UnfitEvent(Reason.INVALID_JSON, str(error)) from error
    taken_at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    faults = find_faults(event, taken_at)
    if faults:
        more = f" And {len(faults) - 1} more faults." if len(faults) > 1 else ""
        raise _UnfitEvent(faults[0].reason, f"{faults[0].pointer or '/'} {faults[0].detail}{more}")


def _is_shallow(event: dict[str, Any]) -> bool:
    level: list[Any] = [event]
    for _ in range(MAXIMUM_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False
