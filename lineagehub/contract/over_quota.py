"""Over-quota records: as they were, with where they lay and that they were over quota in headers before the original ones.

Written by the agents before the source offset is committed, read by `lineagehub over-quota redrive`. (topic, partition, offset)
identifies one: a repeat is the same record. Web-signed records are never among them. Between them stand the claims of re-drives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lineagehub.contract.reasons import Reason

HEADER_REASON = "oq-reason"
HEADER_AGENT = "oq-agent"
HEADER_TOPIC = "oq-topic"
HEADER_PARTITION = "oq-partition"
HEADER_OFFSET = "oq-offset"
HEADER_EVENTS = "oq-events"
HEADER_KEY = "oq-key"

HEADER_CLAIM = "oq-claim"
"""The one header of a claim, a record without value under the namespace's key: a re-drive sends the record of this id and the next ones."""
HEADER_REDRIVEN = "oq-redriven"
"""On a record that is sent again: the id of the one it was."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an over-quota record lay, under which key, and how many events it holds."""

    topic: str
    partition: int
    offset: int
    events: int
    key: bytes

    @property
    def id(self) -> str:
        """Its place, by which it is the same however often it is diverted."""
        return f"{self.topic}:{self.partition}:{self.offset}"


def over_quota_headers(agent: str, origin: Origin) -> list[tuple[str, bytes]]:
    """Return the headers to put before the original ones."""
    return [
        (HEADER_REASON, Reason.OVER_QUOTA.value.encode()),
        (HEADER_AGENT, agent.encode()),
        (HEADER_TOPIC, origin.topic.encode()),
        (HEADER_PARTITION, str(origin.partition).encode()),
        (HEADER_OFFSET, str(origin.offset).encode()),
        (HEADER_EVENTS, str(origin.events).encode()),
        (HEADER_KEY, origin.key),
    ]


def origin_of(headers: Iterable[tuple[str, bytes]]) -> tuple[Origin, list[tuple[str, bytes]]]:
    """Return where a record lay, and its original headers. Raises ValueError for a record that no agent wrote."""
    ours = [name for name, _ in over_quota_headers("", Origin("", 0, 0, 0, b""))]
    given = list(headers)
    first, rest = given[: len(ours)], given[len(ours) :]
    if [name for name, _ in first] != ours:
        raise ValueError("It does not begin with the headers of an over-quota record.")
    values = dict(first)
    partition, offset, events = (int(values[name]) for name in (HEADER_PARTITION, HEADER_OFFSET, HEADER_EVENTS))
    return Origin(values[HEADER_TOPIC].decode(), partition, offset, events, values[HEADER_KEY]), rest


def claim_headers(first: Origin) -> list[tuple[str, bytes]]:
    """Return the headers of the claim of a chunk that begins with this record."""
    return [(HEADER_CLAIM, first.id.encode())]


def claimed_by(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """Return the id that a claim names, or None for a record that is no claim."""
    given = list(headers)
    return given[0][1].decode(errors="replace") if [name for name, _ in given] == [HEADER_CLAIM] else None
