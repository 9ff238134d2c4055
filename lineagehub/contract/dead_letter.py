"""Dead letters: a record that could not be delivered, kept whole, with why and where it came from in its headers.

Written by the agents (acknowledged before the source offset is committed), read by re-drive and by reports. The value is the
original value, byte for byte; the original headers follow ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from lineagehub.contract.reasons import Reason

HEADER_REASON = "dl-reason"
HEADER_DETAIL = "dl-detail"
HEADER_AGENT = "dl-agent"
HEADER_TOPIC = "dl-topic"
HEADER_PARTITION = "dl-partition"
HEADER_OFFSET = "dl-offset"
HEADER_ATTEMPT = "dl-attempt"
HEADER_NULL_VALUE = "dl-null-value"

MAXIMUM_DETAIL_BYTES = 1_000
"""Error texts are cut to this: a detail is for a person, and may quote tenant data."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a record is dead and where it lay. (topic, partition, offset) identifies it: a repeat is the same dead letter."""

    reason: Reason
    detail: str
    agent: str
    topic: str
    partition: int
    offset: int
    attempt: int = 1

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the headers to put before the original ones."""
        detail = self.detail.encode(errors="replace")[:MAXIMUM_DETAIL_BYTES].decode(errors="ignore")
        return [
            (HEADER_REASON, self.reason.value.encode()),
            (HEADER_DETAIL, detail.encode()),
            (HEADER_AGENT, self.agent.encode()),
            (HEADER_TOPIC, self.topic.encode()),
            (HEADER_PARTITION, str(self.partition).encode()),
            (HEADER_OFFSET, str(self.offset).encode()),
            (HEADER_ATTEMPT, str(self.attempt).encode()),
        ]
