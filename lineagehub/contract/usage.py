"""Usage: what one batch held of one namespace (a delta), and what a namespace has used of a signal on a day (a total).

Deltas are written by the store agents, acknowledged before they commit; totals by the quota agent, from deltas alone; web and agents
decide from totals. One event is: an OpenLineage event, a span, a data point of a metric, a log record; a record that cannot be taken
apart is one. A day is the UTC date of the broker's time, which nobody can forge (LogAppendTime) and a replay does not change.

Exactly once: a batch that is delivered again after a crash has the same offsets, and its delta is the same. A total has, beside its
counts, how far each partition is counted, in the same record: whatever ends there or before is passed over.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from lineagehub.contract.signals import Signal

DAY_MS = 86_400_000
KEPT_DAYS = 35
"""Days that are kept, today included: a month's report. A delta is at most 14 days late (two topics' retention)."""


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Events, by what became of them; `bytes` of the values of those that are charged.

    `redriven`: dead letters that were sent again and are stored now. They were received, and charged, when they died; what dies again,
    or is stored already, counts no second time.
    """

    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    over_quota: int = 0
    bytes: int = 0
    redriven: int = 0

    @property
    def received(self) -> int:
        """All that came of verified writers: each event is stored, or a duplicate, or a dead letter, or over quota."""
        return self.stored + self.duplicate + self.dead_lettered + self.over_quota

    @property
    def charged(self) -> int:
        """What counts against the daily limit."""
        return self.stored + self.dead_lettered

    @property
    def extent(self) -> int:
        """What every delta makes larger, or leaves."""
        return self.received + self.redriven

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.dead_lettered + other.dead_lettered,
            self.over_quota + other.over_quota,
            self.bytes + other.bytes,
            self.redriven + other.redriven,
        )


class NewEvents(NamedTuple):
    """What of a batch was not stored before: events and their bytes; those that were sent again from the dead letters apart."""

    events: int = 0
    bytes: int = 0
    redriven: int = 0


FirstCopies = dict[tuple[str, int], NewEvents]
"""What is new, by namespace and day since the epoch."""


class UsageDelta(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What a batch, the offsets `first` to `last` of a partition, held of one namespace and day.

    `first_at`: broker time of the batch's first record, in milliseconds: it tells a topic that was made anew, whose offsets begin
    again, from the former.
    """

    namespace: str
    day: str
    signal: Signal
    topic: str
    partition: int
    first: int
    last: int
    first_at: int
    counts: Counts

    @property
    def place(self) -> str:
        """Where its records lie: the name under which a total remembers how far it has counted."""
        return f"{self.topic}:{self.partition}"


class Verdict(StrEnum):
    """How much of the daily limit a namespace has used, all signals together."""

    WITHIN = "within"
    AT_80 = "at_80"
    AT_95 = "at_95"
    OVER = "over"


class CountedTo(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a partition is counted: the last offset, and the `first_at` of the delta that ended there."""

    last: int
    first_at: int


class UsageTotal(msgspec.Struct, frozen=True):
    """What a namespace has used of a signal on a day: absolute, so that one lost or doubled record heals with the next.

    `counted`: how far each partition is counted. `as_of`: when it was counted, in milliseconds. `limit` and `verdict` are of the
    namespace's whole day, as they were then.
    """

    namespace: str
    day: str
    signal: Signal
    counts: Counts
    counted: dict[str, CountedTo]
    as_of: int
    limit: int
    verdict: Verdict

    @property
    def key(self) -> bytes:
        """Its key on the topic."""
        return usage_key(self.namespace, self.day, self.signal)

    def has_counted(self, delta: UsageDelta) -> bool:
        """Whether the delta is in these counts."""
        known = self.counted.get(delta.place)
        return known is not None and delta.last <= known.last and delta.first_at <= known.first_at


def new_total(delta: UsageDelta) -> UsageTotal:
    """Return the total that has counted nothing yet of the delta's namespace, day and signal."""
    return UsageTotal(delta.namespace, delta.day, delta.signal, Counts(), {}, 0, 0, Verdict.WITHIN)


def usage_key(namespace: str, day: str, signal: Signal) -> bytes:
    """Return the key of a total."""
    return f"{namespace}|{day}|{signal.value}".encode()


def date_of(timestamp_ms: int) -> date:
    """Return the UTC date of a time in milliseconds since the epoch."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).date()


def day_of(timestamp_ms: int) -> str:
    """Return the same as the text by which usage is kept, such as 2026-01-31."""
    return date_of(timestamp_ms).isoformat()


def is_kept(day: str, today: date) -> bool:
    """Whether a day is still reported on."""
    return day > (today - timedelta(days=KEPT_DAYS)).isoformat()


def verdict_of(used: int, limit: int) -> Verdict:
    """Return how much of `limit` is used. A limit of 0 is used up from the start."""
    if used >= limit:
        return Verdict.OVER
    if used * 100 >= limit * 95:
        return Verdict.AT_95
    return Verdict.AT_80 if used * 100 >= limit * 80 else Verdict.WITHIN


_encoder = msgspec.json.Encoder()
_delta_decoder = msgspec.json.Decoder(UsageDelta)
_total_decoder = msgspec.json.Decoder(UsageTotal)


def encode(value: UsageDelta | UsageTotal) -> bytes:
    """Return the JSON of a record."""
    return _encoder.encode(value)


def decode_delta(value: bytes) -> UsageDelta:
    """Return a delta. Raises ValueError (msgspec.ValidationError, DecodeError)."""
    return _delta_decoder.decode(value)


def decode_total(value: bytes) -> UsageTotal:
    """Return a total. Raises ValueError (msgspec.ValidationError, DecodeError)."""
    return _total_decoder.decode(value)
