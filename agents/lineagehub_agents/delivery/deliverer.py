"""The Deliverer: from events of assigned partitions to a sink, nothing lost and nothing doubled. One a flow and topic.

For each partition, in offset order: cut a batch, check its records, dead-letter the bad ones, record the range, send, move on.
Only offsets of delivered (or dead-lettered) records are ever committed. It never raises for a bad record or an absent sink; what it
does raise must end the process (worker.py), because Kafka then redelivers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from lineagehub.errors import Permanent, Retryable
from lineagehub_agents.delivery.batching import PartitionBatcher, RawBatch
from lineagehub_agents.delivery.dead_letters import DeadLetters
from lineagehub_agents.delivery.ranges import BatchRange, ConsumerGroup, Ranges
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Processor, Record, Rejected, Sink, SinkBatch
from lineagehub_agents.delivery.retrying import AssignmentLost, retry_in_place

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full, and how long a failing sink is waited for."""

    records: int
    bytes: int
    stuck_after_seconds: float


@dataclass(slots=True)
class DeliveryState:
    """What operations want to know of a deliverer: counts since start, and the sink's present fault."""

    delivered: int = 0
    dead_lettered: int = 0
    fault: str = ""


@dataclass(slots=True)
class _Assigned:
    batcher: PartitionBatcher
    generation: int
    delivered_to: int
    committed_to: int
    lost: bool = False


@dataclass(frozen=True, slots=True)
class _Checked:
    partition: Partition
    range: BatchRange
    records: tuple[CheckedRecord, ...]
    first_timestamp_ms: int

    @property
    def batch(self) -> SinkBatch:
        token = f"{self.partition}:{self.range.first}-{self.range.last}@{self.first_timestamp_ms}"
        return SinkBatch(token, self.records)

    def halves(self) -> tuple[_Checked, _Checked]:
        middle = len(self.records) // 2
        split = self.records[middle].record.offset
        return (
            self._part(self.range.first, split - 1, self.records[:middle], self.first_timestamp_ms),
            self._part(split, self.range.last, self.records[middle:], self.records[middle].record.timestamp_ms),
        )

    def _part(self, first: int, last: int, records: tuple[CheckedRecord, ...], first_timestamp_ms: int) -> _Checked:
        excluded = frozenset(offset for offset in self.range.excluded if first <= offset <= last)
        return _Checked(self.partition, BatchRange(first, last, excluded), records, first_timestamp_ms)


@dataclass
class Deliverer:
    """Delivers the records of one flow. `deliver` is called by one task at a time."""

    group: ConsumerGroup
    ranges: Ranges
    sink: Sink
    processor: Processor
    dead_letters: DeadLetters
    limits: BatchLimits
    state: DeliveryState = field(default_factory=DeliveryState)
    _assigned: dict[Partition, _Assigned] = field(default_factory=dict)
    _committing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def deliver(self, records: Iterable[Record], generation: int) -> None:
        """Deliver records read in `generation`, in the order read; return when all are delivered, dead-lettered or held.

        Records of partitions that are no longer ours are dropped: their new owner reads them. Raises Stuck, or whatever unknown
        error a sink raised.
        """
        by_partition: dict[Partition, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        await self._take_over(by_partition, generation)
        async with asyncio.TaskGroup() as tasks:
            for partition, read in by_partition.items():
                assigned = self._assigned.get(partition)
                if assigned is not None and assigned.generation == generation and not assigned.lost:
                    tasks.create_task(self._deliver_partition(partition, read, assigned))

    async def commit(self) -> None:
        """Commit what was delivered since the last commit. Called every second by the consumer, and when it stops."""
        async with self._committing:
            for generation in {assigned.generation for assigned in self._assigned.values()}:
                ahead = {
                    partition: assigned.delivered_to
                    for partition, assigned in self._assigned.items()
                    if assigned.generation == generation
                    and not assigned.lost
                    and assigned.delivered_to > assigned.committed_to
                }
                offsets = {partition: (offset, "") for partition, offset in ahead.items()}
                if offsets and await self.group.commit(offsets, generation):
                    for partition, offset in ahead.items():
                        self._assigned[partition].committed_to = offset

    async def _take_over(self, partitions: Iterable[Partition], generation: int) -> None:
        new = [
            partition
            for partition in partitions
            if self.group.owns(partition, generation)
            and ((known := self._assigned.get(partition)) is None or known.generation != generation)
        ]
        if not new:
            return
        for partition, resumption in (await self.ranges.resume(new)).items():
            batcher = PartitionBatcher(
                resumption, min(self.limits.records, self.sink.maximum_records), self.limits.bytes
            )
            self._assigned[partition] = _Assigned(batcher, generation, resumption.offset, resumption.offset)
            log.info(
                "Took over a partition.",
                partition=str(partition),
                offset=resumption.offset,
                unfinished=resumption.range,
            )

    async def _deliver_partition(self, partition: Partition, read: Iterable[Record], assigned: _Assigned) -> None:
        for record in read:
            if not assigned.batcher.add(record):
                expected = assigned.batcher.next_offset
                log.warning(
                    "Offsets are missing; reading again.",
                    partition=str(partition),
                    expected=expected,
                    got=record.offset,
                )
                await self.group.rewind(partition, expected)
        try:
            for batch in assigned.batcher.take_batches():
                checked = await self._check(partition, batch, assigned)
                if checked.records:
                    await self._record_range(checked, assigned)
                    await self._send(checked, assigned)
                assigned.delivered_to = checked.range.last + 1
        except AssignmentLost as lost:
            log.info("A batch is left to the partition's next owner.", partition=str(partition), detail=str(lost))
            assigned.lost = True

    async def _check(self, partition: Partition, batch: RawBatch, assigned: _Assigned) -> _Checked:
        replayed = batch.replayed
        checked: list[CheckedRecord] = []
        rejections: list[tuple[Record, Rejected]] = []
        for record in batch.records:
            if replayed is not None and record.offset in replayed.excluded:
                continue
            try:
                checked.append(self.processor.check(record))
            except Rejected as rejection:
                rejections.append((record, rejection))
        for record, rejection in rejections:
            await self._dead_letter(record, rejection, assigned)
        excluded = frozenset(record.offset for record, _ in rejections) | (
            replayed.excluded if replayed else frozenset()
        )
        return _Checked(
            partition,
            BatchRange(batch.first, batch.last, excluded),
            tuple(checked),
            batch.records[0].timestamp_ms if batch.records else 0,
        )

    async def _record_range(self, checked: _Checked, assigned: _Assigned) -> None:
        async def record() -> None:
            async with self._committing:
                if not await self.ranges.record({checked.partition: checked.range}, assigned.generation):
                    raise AssignmentLost("Its range could not be recorded: the group has moved on.")
                assigned.delivered_to = assigned.committed_to = checked.range.first

        await self._retry(record, checked.partition, assigned)

    async def _send(self, checked: _Checked, assigned: _Assigned) -> None:
        batch = checked.batch
        try:
            await self._retry(lambda: self.sink.send(batch), checked.partition, assigned)
            self.state.delivered += len(batch.records)
        except Permanent as error:
            if len(checked.records) == 1:
                only = checked.records[0]
                rejection = Rejected(error.reason, str(error), only.envelope.namespace)
                await self._dead_letter(only.record, rejection, assigned)
                return
            log.warning("The sink refuses a batch; looking for the bad record.", token=batch.token, error=str(error))
            for half in checked.halves():
                await self._record_range(half, assigned)
                await self._send(half, assigned)

    async def _dead_letter(self, record: Record, rejection: Rejected, assigned: _Assigned) -> None:
        await self._retry(lambda: self.dead_letters.write(record, rejection), record.partition, assigned)
        self.state.dead_lettered += 1

    async def _retry(self, attempt: Callable[[], Awaitable[None]], partition: Partition, assigned: _Assigned) -> None:
        def note(error: Retryable) -> None:
            self.state.fault = str(error)

        await retry_in_place(
            attempt,
            lambda: self.group.owns(partition, assigned.generation),
            note,
            self.limits.stuck_after_seconds,
        )
        self.state.fault = ""
