"""Which events must follow one another, and in which order. Pure; called by sink.py for each batch.

Marquez keeps what it processed last, of a run and of a job, whatever the event times (marquez.md). So the events of one root job
form a chain, sent one after another, in event order as far as they are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from lineagehub.contract.keys import lineage_key
from lineagehub.contract.lineage import parse_event_time
from lineagehub_agents.delivery.records import CheckedRecord
from lineagehub_agents.sinks.marquez.forwarded import RunEnd

TERMINAL = frozenset({"COMPLETE", "FAIL", "ABORT"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class ForwardedEvent:
    """One event on its way. `key` names it in the forward-once table, `run` its run; `run` is empty if it is of none."""

    checked: CheckedRecord
    key: bytes
    run: bytes
    chain: bytes
    type: str
    time: str
    moment: int
    is_posted: bool = False
    failures: int = 0
    failing_since: float = 0.0
    forwarded_before: int = field(default=0)

    @property
    def order(self) -> tuple[bool, int, str]:
        """Its place within its run: a terminal event stands last, as in the hub's own state of the run."""
        return self.type in TERMINAL, self.moment, self.type

    @property
    def end(self) -> RunEnd | None:
        """The end that it puts to its run, if it does."""
        return RunEnd(self.type, self.time, self.moment) if self.run and self.type in TERMINAL else None


def read_event(checked: CheckedRecord) -> ForwardedEvent:
    """Return what forwarding must know of a valid event. A time that is none sorts first: repairs.py refuses it."""
    event: dict[str, Any] = orjson.loads(checked.value)
    namespace = checked.envelope.namespace
    run = event.get("run") or {}
    return ForwardedEvent(
        checked=checked,
        key=f"{namespace}|{checked.envelope.event_id}".encode(),
        run=f"{namespace}|{run['runId'].lower()}".encode() if "run" in event else b"",
        # The record's own key is nobody's word: any producer may write any.
        chain=f"{namespace}|".encode() + lineage_key(event),
        type=event.get("eventType") or "",
        time=event["eventTime"],
        moment=_microseconds(event["eventTime"]),
    )


def chains_of(events: Iterable[ForwardedEvent]) -> list[list[ForwardedEvent]]:
    """Return the chains, each in its order. A run is in one chain, though only some of its events name its parent."""
    chains: dict[bytes, list[ForwardedEvent]] = {}
    of_run: dict[bytes, bytes] = {}
    for event in events:
        chain = of_run.setdefault(event.run, event.chain) if event.run else event.chain
        chains.setdefault(chain, []).append(event)
    return [_in_event_order(chain) for chain in chains.values()]


def _in_event_order(events: list[ForwardedEvent]) -> list[ForwardedEvent]:
    """Sort by event time, but never an event before one that its run must have first."""
    reached: dict[bytes, int] = {}
    placed: list[tuple[int, ForwardedEvent]] = []
    for event in sorted(events, key=lambda event: event.order):
        moment = max(event.moment, reached.get(event.run, event.moment)) if event.run else event.moment
        reached[event.run] = moment
        placed.append((moment, event))
    return [event for _, event in sorted(placed, key=lambda place: place[0])]


def _microseconds(text: str) -> int:
    try:
        return int((parse_event_time(text) - EPOCH).total_seconds() * 1_000_000)
    except (ValueError, OverflowError):
        return 0
