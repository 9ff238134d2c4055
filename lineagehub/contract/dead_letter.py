"""Dead letters: a record that could not be delivered, kept whole, with why and where it came from in its headers.

Written by the agents (acknowledged before the source offset is committed), read by the agent `dead-letters`. The value is the original
value, byte for byte; ours come first of the headers, the last of them is the hub's signature, and the original ones follow it. The
signature is what a re-drive rests on: it says that the hub itself found the record to be of the namespace in whose lane it lies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from lineagehub.contract.reasons import Reason

HEADER_REASON = "dl-reason"
HEADER_DETAIL = "dl-detail"
HEADER_AGENT = "dl-agent"
HEADER_TOPIC = "dl-topic"
HEADER_PARTITION = "dl-partition"
HEADER_OFFSET = "dl-offset"
HEADER_ATTEMPT = "dl-attempt"
HEADER_TIMESTAMP = "dl-timestamp"
HEADER_KEY = "dl-key"
HEADER_NULL_VALUE = "dl-null-value"
HEADER_SIGNATURE = "dl-sig"

HEADER_LETTER = "dl-letter"
"""On a record that was re-driven: the id of the dead letter that it was."""

MAXIMUM_DETAIL_BYTES = 1_000
"""Error texts are cut to this: a detail is for a person, and may quote tenant data."""

MAXIMUM_KEY_BYTES = 4_096
"""A longer Kafka key is not kept: the hub's own are a few names, and a broker takes a megabyte."""

MAXIMUM_REDRIVES = 3
"""A record that was re-driven so often is as bad as it was: it can only be dropped."""

Headers = Sequence[tuple[str, bytes | None]]

_MISSING = b"\xff\xff\xff\xff"
"""In place of a length: Kafka tells a null header value from an empty one."""


class BadDeadLetter(ValueError):
    """The record is no dead letter: a header of ours is missing, or cannot be read."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a record is dead and where it lay. `timestamp_ms` is the broker's, of the record; `key` its Kafka key.

    Topic, partition, offset and that time identify it: a repeat is the same dead letter. (The time tells a topic that was made again,
    whose offsets begin at 0 again, from the former.) `attempt` is 1 for a record that came from its writer.
    """

    reason: Reason
    detail: str
    agent: str
    topic: str
    partition: int
    offset: int
    attempt: int = 1
    timestamp_ms: int = 0
    key: bytes | None = None
    is_null: bool = False

    @property
    def id(self) -> str:
        """Its name in the API, in decisions, and on the record that it is re-driven as."""
        return f"{self.topic}:{self.partition}:{self.offset}@{self.timestamp_ms}"

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the headers to put before the original ones, without the signature."""
        detail = self.detail.encode(errors="replace")[:MAXIMUM_DETAIL_BYTES].decode(errors="ignore")
        headers = [
            (HEADER_REASON, self.reason.value.encode()),
            (HEADER_DETAIL, detail.encode()),
            (HEADER_AGENT, self.agent.encode()),
            (HEADER_TOPIC, self.topic.encode()),
            (HEADER_PARTITION, str(self.partition).encode()),
            (HEADER_OFFSET, str(self.offset).encode()),
            (HEADER_ATTEMPT, str(self.attempt).encode()),
            (HEADER_TIMESTAMP, str(self.timestamp_ms).encode()),
        ]
        if self.key is not None and len(self.key) <= MAXIMUM_KEY_BYTES:
            headers.append((HEADER_KEY, self.key))
        if self.is_null:
            headers.append((HEADER_NULL_VALUE, b"1"))
        return headers


def signed_headers(
    signing_key: bytes, topic: str, lane: str, ours: Headers, original: Headers, value: bytes
) -> list[tuple[str, bytes | None]]:
    """Return all headers of a dead letter: ours, the hub's signature over everything, the original ones."""
    signature = _signature(signing_key, topic, lane, [*ours, *original], value)
    return [*ours, (HEADER_SIGNATURE, base64.urlsafe_b64encode(signature).rstrip(b"=")), *original]


def is_signed(signing_key: bytes, topic: str, key: bytes | None, headers: Headers, value: bytes) -> bool:
    """Tell whether the hub wrote exactly this dead letter, in this lane (the record's Kafka key), on this topic. Never raises."""
    place = next((index for index, (name, _) in enumerate(headers) if name == HEADER_SIGNATURE), None)
    if place is None:
        return False
    encoded = headers[place][1] or b""
    try:
        signature = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        lane = (key or b"").decode()
    except (binascii.Error, ValueError):
        return False
    others = [*headers[:place], *headers[place + 1 :]]
    return hmac.compare_digest(_signature(signing_key, topic, lane, others, value), signature)


def read_dead_letter(headers: Headers) -> tuple[DeadLetter, Headers]:
    """Return the dead letter that a record's headers describe, and the original headers. Raises BadDeadLetter. Verifies nothing."""
    place = next((index for index, (name, _) in enumerate(headers) if name == HEADER_SIGNATURE), len(headers))
    fields = {name: value or b"" for name, value in reversed(headers[:place])}
    try:
        letter = DeadLetter(
            reason=Reason(fields[HEADER_REASON].decode()),
            detail=fields[HEADER_DETAIL].decode(),
            agent=fields[HEADER_AGENT].decode(),
            topic=fields[HEADER_TOPIC].decode(),
            partition=int(fields[HEADER_PARTITION]),
            offset=int(fields[HEADER_OFFSET]),
            attempt=int(fields[HEADER_ATTEMPT]),
            timestamp_ms=int(fields[HEADER_TIMESTAMP]),
            key=fields.get(HEADER_KEY),
            is_null=HEADER_NULL_VALUE in fields,
        )
    except KeyError as error:
        raise BadDeadLetter(f"It lacks the header {error.args[0]}.") from error
    except ValueError as error:
        raise BadDeadLetter(f"A header cannot be read: {error}.") from error
    return letter, headers[place + 1 :]


def _signature(signing_key: bytes, topic: str, lane: str, headers: Headers, value: bytes) -> bytes:
    fields = [topic.encode(), lane.encode(), *(part for name, text in headers for part in (name.encode(), text))]
    parts = (
        part for field in fields for part in ((_MISSING,) if field is None else (len(field).to_bytes(4, "big"), field))
    )
    return hmac.digest(signing_key, b"".join((b"LHD1", *parts, hashlib.sha256(value).digest())), "sha256")
