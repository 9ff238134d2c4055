"""The Deliverer: from events of assigned partitions to a sink, nothing lost and nothing doubled. One a flow and topic.

For each partition, in offset order: cut a batch, check its records, dead-letter the bad ones, record the range, send, count, move
on. Only offsets of delivered (or dead-lettered) records are ever committed. It never raises for a bad record or an absent
sink; what it does raise must end the process (app.py), because Kafka then redelivers.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import structlog

from lineagehub.contract.reasons import SYSTEM_REASONS
from lineagehub.errors import Permanent, Retryable
from lineagehub_agents.delivery.batching import PartitionBatcher, RawBatch
from lineagehub_agents.delivery.checked_batch import CheckedBatch
from lineagehub_agents.delivery.dead_letters import DeadLetters
from lineagehub_agents.delivery.judging import judge
from lineagehub_agents.delivery.losses import LossWatch
from lineagehub_agents.delivery.metering import Diverts, Metering, deltas_of
from lineagehub_agents.delivery.ranges import BatchRange, ConsumerGroup, Ranges
from lineagehub_agents.delivery.records import (
    Partition,
    Processor,
    RecognisesRepeats,
    Record,
    Rejected,
    Sink,
    SinkBatch,
    SomeRefused,
)
from lineagehub_agents.delivery.refusals import Refusals
from lineagehub_agents.delivery.retrying import AssignmentLost, Stuck, retry_in_place
from lineagehub_agents.delivery.side_by_side import all_of
from lineagehub_agents.delivery.state import DeliveryState

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full, and how long a failing sink is waited for. `rows`: of the sink's tables; a record may become many."""

    records: int
    bytes: int
    rows: int
    stuck_after_seconds: float


@dataclass(slots=True)
class _Assigned:
    """One partition in one generation. `interrupted`: records may have been dropped, so it must be taken over again."""

    batcher: PartitionBatcher
    generation: int
    delivered_to: int
    committed_to: int
    interrupted: bool = False


@dataclass
class Deliverer:
    """Delivers the records of one flow. `deliver` is called by one task at a time."""

    group: ConsumerGroup
    ranges: Ranges
    sink: Sink
    processor: Processor
    dead_letters: DeadLetters
    limits: BatchLimits
    metering: Metering | None = None
    state: DeliveryState = field(default_factory=DeliveryState)
    _assigned: dict[Partition, _Assigned] = field(default_factory=dict)
    _committing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _delivering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _losses: LossWatch = field(default_factory=LossWatch)
    _refusals: Refusals = field(default_factory=Refusals)

    async def deliver(self, records: Iterable[Record], generation: int) -> None:
        """Deliver records read in `generation`, in the order read; return when all are delivered, dead-lettered or held.

        Records of partitions that are no longer ours are dropped: their new owner reads them. Raises Stuck, or whatever
        unknown error a sink raised, in an ExceptionGroup.
        """
        by_partition: dict[Partition, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        async with self._delivering:
            await self._take_over(by_partition, generation)
            async with asyncio.TaskGroup() as tasks:
                for partition, read in by_partition.items():
                    assigned = self._assigned.get(partition)
                    if assigned is not None and assigned.generation == generation:
                        tasks.create_task(self._deliver_partition(partition, read, assigned))

    async def read_lost_again(self, handed_on: Mapping[Partition, int], generation: int) -> None:
        """Have records read again that the consumer handed on and that never arrived. Called every second.

        `handed_on`: for each partition the offset after its last record handed on. While records are being delivered others wait for
        it, and nobody can tell.
        """
        if self._delivering.locked():
            return
        async with self._delivering:
            await self._take_over(handed_on, generation)
            arrived = {
                partition: assigned.batcher.next_offset
                for partition, assigned in self._assigned.items()
                if assigned.generation == generation
            }
            for partition, offset in self._losses.overdue(handed_on, arrived, time.monotonic()).items():
                log.warning("Records did not arrive; reading again.", partition=str(partition), expected=offset)
                await self.group.rewind(partition, offset)

    def delivered_to(self, generation: int) -> dict[Partition, int]:
        """Return, for each partition of the generation that has been taken over, the offset before which all is delivered."""
        return {
            partition: assigned.delivered_to
            for partition, assigned in self._assigned.items()
            if assigned.generation == generation
        }

    async def commit(self) -> None:
        """Commit what was delivered since the last commit. Called every second by the consumer, and when it stops.

        Raises Retryable when the broker does not answer.
        """
        async with self._committing:
            for generation in {assigned.generation for assigned in self._assigned.values()}:
                await self._commit_generation(generation)

    async def _commit_generation(self, generation: int) -> None:
        ahead = {
            partition: (assigned, assigned.delivered_to)
            for partition, assigned in self._assigned.items()
            if assigned.generation == generation and assigned.delivered_to > assigned.committed_to
        }
        if not ahead:
            return
        accepted = await self.group.commit({partition: (to, "") for partition, (_, to) in ahead.items()}, generation)
        for partition, (assigned, to) in ahead.items():
            if accepted:
                assigned.committed_to = max(to, assigned.committed_to)
            elif self._assigned.get(partition) is assigned:
                del self._assigned[partition]

    async def _take_over(self, partitions: Iterable[Partition], generation: int) -> None:
        new = [
            partition
            for partition in partitions
            if self.group.owns(partition, generation)
            and (
                (known := self._assigned.get(partition)) is None or known.generation != generation or known.interrupted
            )
        ]
        if not new:
            return
        for partition, resumption in (await self.ranges.resume(new)).items():
            batcher = PartitionBatcher(
                resumption, min(self.limits.records, self.sink.maximum_records), self.limits.bytes
            )
            self._assigned[partition] = _Assigned(batcher, generation, resumption.offset, resumption.offset)
            unfinished = f"{resumption.range.first}-{resumption.range.last}" if resumption.range else ""
            log.info(
                "Took over a partition.", partition=str(partition), offset=resumption.offset, unfinished=unfinished
            )

    async def _deliver_partition(self, partition: Partition, read: Iterable[Record], assigned: _Assigned) -> None:
        assigned.interrupted = True
        behind_gap = [record.offset for record in read if not assigned.batcher.add(record)]
        if behind_gap:
            expected = assigned.batcher.next_offset
            log.warning(
                "Offsets are missing; reading again.", partition=str(partition), expected=expected, got=behind_gap[0]
            )
            await self.group.rewind(partition, expected)
        try:
            for batch in assigned.batcher.take_batches():
                with self._gate(batch) as diverts:
                    checked = await self._check(partition, batch, assigned, diverts)
                    # A replayed range is sent as it was recorded: its token names it.
                    for part in [checked] if batch.replayed else checked.cut(self.limits.rows):
                        await self._deliver_part(part, assigned)
            assigned.interrupted = False
        except AssignmentLost as lost:
            log.info("A batch is left to the partition's next owner.", partition=str(partition), detail=str(lost))

    async def _deliver_part(self, part: CheckedBatch, assigned: _Assigned) -> None:
        if part.records or part.left_out:
            await self._record_range(part, assigned)
            await self._divert(part, assigned)
            await (self._send(part, assigned) if part.records else self._count(part, assigned))
        assigned.delivered_to = part.range.last + 1

    def _gate(self, batch: RawBatch) -> AbstractContextManager[Diverts | None]:
        return self.metering.gate(replayed=batch.replayed is not None) if self.metering else nullcontext()

    async def _check(
        self, partition: Partition, batch: RawBatch, assigned: _Assigned, diverts: Diverts | None
    ) -> CheckedBatch:
        judged = judge(batch.records, self.processor, batch.replayed or BatchRange(batch.first, batch.last), diverts)
        await all_of(self._dead_letter(record, rejection, assigned) for record, rejection in judged.rejected)
        return CheckedBatch(
            partition,
            BatchRange(batch.first, batch.last, frozenset(judged.excluded), frozenset(judged.diverted)),
            tuple(judged.checked),
            batch.records[0].timestamp_ms if batch.records else 0,
            tuple(judged.left_out) if self.metering else (),
        )

    async def _record_range(self, checked: CheckedBatch, assigned: _Assigned) -> None:
        async def record() -> None:
            async with self._committing:
                if not await self.ranges.record({checked.partition: checked.range}, assigned.generation):
                    raise AssignmentLost("Its range could not be recorded: the group has moved on.")
                assigned.delivered_to = assigned.committed_to = checked.range.first

        await self._retry(record, checked.partition, assigned)

    async def _divert(self, checked: CheckedBatch, assigned: _Assigned) -> None:
        """Write what is over quota to its own topic; again, if the batch is delivered again: its place tells that it is the same."""
        if self.metering is None:
            return
        divert = self.metering.divert
        await all_of(
            self._retry(functools.partial(divert, left), checked.partition, assigned)
            for left in checked.left_out
            if left.record.offset in checked.range.diverted
        )

    async def _count(self, checked: CheckedBatch, assigned: _Assigned, refused: Collection[int] = ()) -> None:
        """Say what a batch held, once all of it is where it belongs. `refused`: offsets of its records that the sink did not take."""
        if self.metering is None:
            return
        metering, sink, batch = self.metering, self.sink, checked.batch

        async def count() -> None:
            new = await sink.count_new(batch) if isinstance(sink, RecognisesRepeats) and batch.records else None
            await metering.write(deltas_of(checked, metering.signal, refused, new))

        await self._retry(count, checked.partition, assigned)

    async def _send(self, checked: CheckedBatch, assigned: _Assigned) -> None:
        batch = checked.batch
        try:
            refusal = await self._refusal_of(batch, checked.partition, assigned)
        except SomeRefused as some:
            await self._dead_letter_some(batch, some, assigned)
            await self._count(checked, assigned, {refused.record.offset for refused, _ in some.refusals})
            return
        if refusal is None:
            self._note_delivered(batch)
            await self._count(checked, assigned)
        elif len(checked.records) == 1:
            only = checked.records[0]
            rejection = Rejected(refusal.reason, str(refusal), only.envelope.namespace)
            await self._dead_letter(only.record, rejection, assigned)
            await self._count(checked, assigned, {only.record.offset})
        else:
            log.warning("The sink refuses a batch; looking for the bad record.", token=batch.token, error=str(refusal))
            for half in checked.split(len(checked.records) // 2):
                await self._record_range(half, assigned)
                await self._send(half, assigned)

    async def _dead_letter_some(self, batch: SinkBatch, some: SomeRefused, assigned: _Assigned) -> None:
        refused = {checked.record.offset for checked, _ in some.refusals}
        written = tuple(checked for checked in batch.records if checked.record.offset not in refused)
        if written:
            self._note_delivered(SinkBatch(batch.token, written))
        for checked, refusal in some.refusals:
            rejection = Rejected(refusal.reason, str(refusal), checked.envelope.namespace)
            await self._dead_letter(checked.record, rejection, assigned)

    def _note_delivered(self, batch: SinkBatch) -> None:
        self.state.note_delivered(batch)
        self._refusals.end()

    async def _refusal_of(self, batch: SinkBatch, partition: Partition, assigned: _Assigned) -> Permanent | None:
        """Send the batch until it is written (None) or refused for good."""
        try:
            await self._retry(lambda: self._send_once(batch), partition, assigned)
        except Permanent as refusal:
            return refusal
        return None

    async def _send_once(self, batch: SinkBatch) -> None:
        try:
            await self.sink.send(batch)
        except Permanent as error:
            if len(batch.records) == 1 and self._refusals.are_systematic:
                raise Retryable(f"Records of several namespaces are refused in a row: {error}") from error
            raise

    async def _dead_letter(self, record: Record, rejection: Rejected, assigned: _Assigned) -> None:
        if rejection.reason in SYSTEM_REASONS:
            if self._refusals.are_systematic:
                raise Stuck(f"Records in a row could not be handled: {rejection.detail}")
            self._refusals.note(rejection.namespace)
        await self._retry(lambda: self.dead_letters.write(record, rejection), record.partition, assigned)
        self.state.dead_letters[rejection.reason] += 1

    async def _retry(self, attempt: Callable[[], Awaitable[None]], partition: Partition, assigned: _Assigned) -> None:
        def note(error: Retryable) -> None:
            self.state.faults[partition] = str(error)

        try:
            await retry_in_place(
                attempt,
                lambda: self.group.owns(partition, assigned.generation),
                note,
                self.limits.stuck_after_seconds,
            )
        finally:
            self.state.faults.pop(partition, None)
