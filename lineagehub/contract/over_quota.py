"""Over-quota records: as they were, with where they lay and that they were over quota in headers before the original ones.

Written by the agents before the source offset is committed, read by `lineagehub over-quota redrive`. (topic, partition, offset)
identifies one: a repeat is the same record. Web-signed records are never among them.
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


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an over-quota record lay."""

    topic: str
    partition: int
    offset: int


def over_quota_headers(agent: str, topic: str, partition: int, offset: int) -> list[tuple[str, bytes]]:
    """Return the headers to put before the original ones."""
    return [
        (HEADER_REASON, Reason.OVER_QUOTA.value.encode()),
        (HEADER_AGENT, agent.encode()),
        (HEADER_TOPIC, topic.encode()),
        (HEADER_PARTITION, str(partition).encode()),
        (HEADER_OFFSET, str(offset).encode()),
    ]


def origin_of(headers: Iterable[tuple[str, bytes]]) -> tuple[Origin, list[tuple[str, bytes]]]:
    """Return where a record lay, and its original headers. Raises ValueError for a record that no agent wrote."""
    ours = dict(over_quota_headers("", "", 0, 0))
    given = list(headers)
    first, rest = given[: len(ours)], given[len(ours) :]
    if [name for name, _ in first] != list(ours):
        raise ValueError("It does not begin with the headers of an over-quota record.")
    values = {name: value.decode() for name, value in first}
    return Origin(values[HEADER_TOPIC], int(values[HEADER_PARTITION]), int(values[HEADER_OFFSET])), rest
