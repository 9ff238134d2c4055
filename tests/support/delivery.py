"""Everything around a Deliverer, in memory, with faults: the partitions, the consumer group, a sink, the dead letters.

What survives a crash of the worker is in `World`: the log, the committed offsets with their metadata, what the sink has and
which tokens it knows, the dead letters. A worker (`Worker`) is a Deliverer and a reading position; it can be thrown away at any
await, as kill -9 does, and another begins from the world alone. `World.schedule` decides at each await what happens there.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from lineagehub_agents.delivery.checked_batch import LeftOut
from lineagehub_agents.delivery.deliverer import BatchLimits, Deliverer
from lineagehub_agents.delivery.metering import Diverts
from lineagehub_agents.delivery.ranges import CommitRanges, FileRanges, Ranges
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, Rejected, SinkBatch, SomeRefused

from lineagehub.contract.headers import Envelope
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import UsageDelta
from lineagehub.errors import Permanent, Retryable

GOOD, BAD, REFUSED, BROKEN, OVER = b"good", b"bad", b"refused", b"broken", b"over"
"""Kinds of record: delivered; rejected by the processor; refused by the sink; one that the processor itself fails on; and one that is
over quota every other time that somebody asks."""

TOPIC = "openlineage-events"
ENDLESS_SECONDS = 1e9
MIDNIGHT_MS = 1_769_904_000_000
"""The first millisecond of 2026-02-01, UTC."""


Commit = Callable[[], Awaitable[None]]


class Crash(BaseException):
    """The worker is gone, as by kill -9: nothing of it may run on."""


class Event(IntEnum):
    """What may happen at an await."""

    NOTHING = 0
    CRASH = 1
    REBALANCE = 2
    FAILURE = 3
    COMMIT = 4
    """The periodic commit comes in between."""


@dataclass
class World:
    """What lasts. `partitions` holds the kinds of each partition's records; offsets are their positions, gaps included."""

    partitions: list[list[Any]]
    schedule: Iterable[int] = ()
    keeps_metadata: bool = True
    generation: int = 1
    committed: dict[Partition, tuple[int, str]] = field(default_factory=dict)
    owners: dict[Partition, int] = field(default_factory=dict)
    tokens: dict[str, list[tuple[Partition, int]]] = field(default_factory=dict)
    dead: list[tuple[Partition, int, Reason]] = field(default_factory=list)
    diverted: set[tuple[Partition, int]] = field(default_factory=set)
    deltas: list[UsageDelta] = field(default_factory=list)
    asked: int = 0
    lost: set[tuple[Partition, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._events = itertools.chain(self.schedule, itertools.repeat(0))
        self._member_ids = itertools.count(1)

    @property
    def names(self) -> list[Partition]:
        """All partitions."""
        return [Partition(TOPIC, number) for number in range(len(self.partitions))]

    @property
    def delivered(self) -> list[tuple[Partition, int]]:
        """What the sink has, once for each time it has it."""
        return [place for places in self.tokens.values() for place in places]

    def places(self, *kinds: bytes) -> set[tuple[Partition, int]]:
        """Where the records of these kinds lie."""
        return {
            (partition, offset)
            for partition in self.names
            for offset, kind in enumerate(self.partitions[partition.number])
            if kind in kinds
        }

    def read(self, partition: Partition, position: int, count: int) -> list[Record]:
        """Return at most `count` records from `position` on; a None in the log is an offset that is not there."""
        kinds = self.partitions[partition.number]
        found = [record(partition, offset, kinds[offset]) for offset in range(position, len(kinds)) if kinds[offset]]
        return found[:count]

    def end(self, partition: Partition) -> int:
        """Offset after the last record."""
        return len(self.partitions[partition.number])

    def new_member(self) -> int:
        """Return the id of a new member of the group."""
        return next(self._member_ids)

    def give_all_to(self, *members: int) -> None:
        """Rebalance: a new generation, partitions dealt out among these members."""
        self.generation += 1
        self.owners = {partition: members[index % len(members)] for index, partition in enumerate(self.names)}

    def happens(self) -> Event:
        """Return what happens at this await; a crash is raised, a rebalance takes all partitions from everyone."""
        event = Event(next(self._events))
        if event is Event.CRASH:
            raise Crash
        if event is Event.REBALANCE:
            self.give_all_to(0)
        return event

    async def happens_beside(self, commit: Commit) -> Event:
        """Return what happens at this await, where the periodic commit may come in between."""
        event = self.happens()
        if event is Event.COMMIT:
            await commit()
        return event


class Worker:
    """One member of the group: its Deliverer, and where it reads."""

    def __init__(
        self,
        world: World,
        ranges_directory: Path | None = None,
        batch_records: int = 4,
        sink_records: int = 10_000,
        judges_each: bool = False,
    ) -> None:
        self.world = world
        self.member = world.new_member()
        self.joined_generation = 0
        self.positions: dict[Partition, int] = {}
        group = _Group(self)
        ranges: Ranges = CommitRanges(group) if ranges_directory is None else FileRanges(ranges_directory, group)
        self.deliverer = Deliverer(
            group=group,
            ranges=ranges,
            sink=RecordingSink(world, self._commit, sink_records, judges_each),
            processor=KindProcessor(),
            dead_letters=RecordingDeadLetters(world, self._commit),  # type: ignore[arg-type]  # Its one method, without Kafka.
            limits=BatchLimits(batch_records, 1_000_000, 1_000_000, ENDLESS_SECONDS),
            metering=RecordingMetering(world, self._commit),
        )

    def join(self, *others: Worker) -> None:
        """Take part in a new generation and read from the committed offsets, as Faust does."""
        members = (self, *others)
        self.world.give_all_to(*(worker.member for worker in members))
        for worker in members:
            worker.joined_generation = self.world.generation
            worker.positions = {
                partition: max(self.world.committed.get(partition, (0, ""))[0], 0)
                for partition, owner in self.world.owners.items()
                if owner == worker.member
            }

    async def step(self, count: int, losing: int = 0) -> None:
        """Read at most `count` records of each partition, lose the first `losing` on the way, deliver the rest.

        No record is lost twice: a gap that is there again when it is read again is believed.
        """
        read: list[Record] = []
        for partition in sorted(self.positions):
            found = self.world.read(partition, self.positions[partition], count)
            if found:
                self.positions[partition] = found[-1].offset + 1
            lost = {item.offset for item in found[:losing] if (partition, item.offset) not in self.world.lost}
            self.world.lost |= {(partition, offset) for offset in lost}
            read += [item for item in found if item.offset not in lost]
        await self.deliverer.deliver(read, self.joined_generation)

    async def _commit(self) -> None:
        with contextlib.suppress(Retryable):
            await self.deliverer.commit()

    async def finish(self) -> None:
        """Deliver and commit everything that is there."""
        while any(position < self.world.end(partition) for partition, position in self.positions.items()):
            before = dict(self.positions)
            await self.step(100)
            await self.deliverer.commit()
            if self.positions == before and not any(self.world.read(p, at, 1) for p, at in self.positions.items()):
                return


class _Group:
    """The ConsumerGroup that delivery sees."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._world = worker.world

    @property
    def generation(self) -> int:
        """See ConsumerGroup."""
        return self._worker.joined_generation

    def owns(self, partition: Partition, generation: int) -> bool:
        """See ConsumerGroup."""
        is_current = self._world.generation == generation == self._worker.joined_generation
        return is_current and self._world.owners.get(partition) == self._worker.member

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, str]]:
        """See ConsumerGroup."""
        self._world.happens()
        return {partition: self._world.committed.get(partition, (-1, "")) for partition in partitions}

    async def commit(self, offsets: Mapping[Partition, tuple[int, str]], generation: int) -> bool:
        """See ConsumerGroup."""
        if self._world.happens() is Event.FAILURE:
            raise Retryable("the broker is away")
        if not all(self.owns(partition, generation) for partition in offsets):
            return False
        for partition, (offset, metadata) in offsets.items():
            assert len(metadata) <= 4096
            self._world.committed[partition] = (offset, metadata if self._world.keeps_metadata else "")
        if self._world.happens() is Event.FAILURE:
            raise Retryable("the answer was lost")
        return True

    async def rewind(self, partition: Partition, offset: int) -> None:
        """See ConsumerGroup."""
        if partition in self._worker.positions:
            self._worker.positions[partition] = offset


class RecordingSink:
    """Takes a batch whole or not at all, and knows the tokens that it has taken, as ClickHouse does."""

    def __init__(self, world: World, commit: Commit, maximum_records: int = 10_000, judges_each: bool = False) -> None:
        self._world = world
        self._commit = commit
        self._judges_each = judges_each
        self.maximum_records = maximum_records
        self.is_eager = True

    async def start(self) -> None:
        """See Sink."""

    async def send(self, batch: SinkBatch) -> None:
        """See Sink."""
        if await self._world.happens_beside(self._commit) is Event.FAILURE:
            raise Retryable("the sink is away")
        refused = [checked for checked in batch.records if checked.value == REFUSED]
        refusal = Permanent(Reason.STORE_REJECTED, "a value that it cannot take")
        if refused and not self._judges_each:
            raise refusal
        places = [(checked.record.partition, checked.record.offset) for checked in batch.records]
        assert places, "a sink is never given an empty batch"
        assert places == sorted(places), "a batch is in offset order"
        taken = [place for place, checked in zip(places, batch.records, strict=True) if checked not in refused]
        known = self._world.tokens.setdefault(batch.token, taken)
        assert known == taken, f"the token {batch.token} came with {taken}, after {known}"
        if await self._world.happens_beside(self._commit) is Event.FAILURE:
            raise Retryable("the answer was lost")
        if refused:
            raise SomeRefused([(checked, refusal) for checked in refused])

    async def close(self) -> None:
        """See Sink."""


class RecordingDeadLetters:
    """Stands for the dead-letter topic."""

    def __init__(self, world: World, commit: Commit) -> None:
        self._world = world
        self._commit = commit

    async def write(self, record: Record, rejection: Rejected) -> None:
        """See DeadLetters."""
        if await self._world.happens_beside(self._commit) is Event.FAILURE:
            raise Retryable("the broker is away")
        self._world.dead.append((record.partition, record.offset, rejection.reason))
        if await self._world.happens_beside(self._commit) is Event.FAILURE:
            raise Retryable("the answer was lost")


class RecordingMetering:
    """Stands for the topics of usage; deltas may be written twice, and by a zombie."""

    signal = Signal.LINEAGE
    diverted_events = 0

    def __init__(self, world: World, commit: Commit) -> None:
        self._world = world
        self._commit = commit

    @contextlib.contextmanager
    def gate(self, *, replayed: bool = False) -> Iterator[Diverts]:
        """See Metering."""

        def diverts(checked: CheckedRecord) -> bool:
            if replayed:
                return False
            self._world.asked += 1
            return checked.value == OVER and self._world.asked % 2 == 0

        yield diverts

    async def divert(self, left: LeftOut) -> None:
        """See Metering."""
        await self._effect(lambda: self._world.diverted.add((left.record.partition, left.record.offset)))

    async def write(self, deltas: Sequence[UsageDelta]) -> None:
        """See Metering."""
        for delta in deltas:
            await self._effect(lambda delta=delta: self._world.deltas.append(delta))  # type: ignore[misc]

    async def _effect(self, work: Callable[[], None]) -> None:
        if await self._world.happens_beside(self._commit) is Event.FAILURE:
            raise Retryable("the broker is away")
        work()
        if await self._world.happens_beside(self._commit) is Event.FAILURE:
            raise Retryable("the answer was lost")


class KindProcessor:
    """Judges a record by its kind."""

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        if record.value == BAD:
            raise Rejected(Reason.SCHEMA_INVALID, "bad", "analytics")
        if record.value == BROKEN:
            raise ZeroDivisionError("a fault of the processor's")
        return checked(record)


def record(partition: Partition, offset: int, value: bytes | None = GOOD) -> Record:
    """Return a record; its timestamp follows from its offset, and midnight lies between the offsets 6 and 7."""
    return Record(partition, offset, MIDNIGHT_MS - 7 + offset, None, value, ())


def checked(of: Record, namespace: str = "analytics", event_id: str = "") -> CheckedRecord:
    """Return it as a processor would."""
    envelope = Envelope(namespace, "Abcd1234", event_id or f"event-{of.offset}", of.timestamp_ms, "openlineage+json")
    return CheckedRecord(of, of.value or b"", envelope, 30)
