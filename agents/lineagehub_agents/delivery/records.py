"""The values that flow through delivery: a record, a partition's batch of checked records, and the sink's contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from lineagehub.contract.headers import Envelope
from lineagehub.contract.reasons import Reason
from lineagehub.contract.usage import FirstCopies
from lineagehub.errors import Permanent


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.number}"


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it was read. `timestamp_ms` is the broker's (LogAppendTime), milliseconds since the epoch."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value) if self.value is not None else 0


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A record whose origin is proved and whose value parses: fit for a sink.

    `rows`: how many rows of its main tables it becomes. `rendered_values`: values that the processor had to render itself.
    `quarantined_facets`: JSON pointers of those facets of a lineage event that are not what the specification says.
    """

    record: Record
    value: bytes
    envelope: Envelope
    retention_days: int
    rows: int = 1
    rendered_values: int = 0
    quarantined_facets: tuple[str, ...] = ()


class Rejected(Exception):
    """A processor's verdict: the record can never be delivered, for `reason`. `namespace` is None unless its writer is proved."""

    def __init__(self, reason: Reason, detail: str, namespace: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.namespace = namespace


class Processor(Protocol):
    """Checks one record; pure, in memory, never blocks."""

    def check(self, record: Record) -> CheckedRecord:
        """Return the checked record or raise Rejected."""
        ...


@dataclass(frozen=True, slots=True)
class SinkBatch:
    """What a sink is given: checked records of one partition, in offset order, never none.

    `token` names exactly these records (topic, partition, first and last offset, broker time of the first): a sink that has seen
    the token must not write again. The broker time tells a re-created topic, whose offsets begin at 0 again, from the former.
    """

    token: str
    records: tuple[CheckedRecord, ...]


class SomeRefused(Exception):
    """The verdict of a sink that judges record by record: these records never can be taken, all others of the batch are written."""

    def __init__(self, refusals: Sequence[tuple[CheckedRecord, Permanent]]) -> None:
        super().__init__(f"{len(refusals)} records are refused, the first one: {refusals[0][1]}")
        self.refusals = refusals


class Sink(Protocol):
    """Encodes and sends; knows nothing of Kafka, retries or dead letters. To add one: a file in sinks/, a line in flows.py."""

    maximum_records: int
    """Largest batch it takes."""
    is_eager: bool
    """Whether nothing is saved by more records in a batch: then none waits for others."""

    async def start(self) -> None:
        """Open what it needs. Does not fail when the other side is away."""
        ...

    async def send(self, batch: SinkBatch) -> None:
        """Write the batch, whole or not at all; a repeated token writes nothing more.

        Raises errors.Retryable (the same batch may succeed later), errors.Permanent (it never will), or SomeRefused (what is
        not refused is written); anything else stops the process, because nobody knows what it means.
        """
        ...

    async def close(self) -> None:
        """Close what was opened. May be repeated."""
        ...


@runtime_checkable
class RecognisesRepeats(Protocol):
    """A sink that keeps the events of one id once, and can tell which batch brought the first copy."""

    async def count_new(self, batch: SinkBatch) -> FirstCopies:
        """Return, by namespace and day since the epoch, what of a batch that it has taken was not there before, always the same.

        Raises errors.Retryable.
        """
        ...


@runtime_checkable
class MeasuredSink(Protocol):
    """A sink that has metrics of its own: a collector, as Prometheus' client means it. operations.py registers it."""

    def collect(self) -> Iterable[Any]:
        """Return the metrics."""
        ...
