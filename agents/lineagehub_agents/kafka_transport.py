"""Faust's Kafka transport, with what delivery must own: what is committed, what stands beside the offset, and rewinds.

Faust commits what agents acknowledged, with empty metadata, and acknowledges records of a former assignment as it skips
them (faust/streams.py). Here every commit passes through one place, `ConsumerThread.commit_offsets`, which is refused when
the group has moved on, and the periodic commit asks the Deliverer what is delivered. Used by app.py only.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, cast

import structlog
from aiokafka.errors import (
    CommitFailedError,
    CorruptRecordException,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as faust_aiokafka
from faust.types import TP, Message
from mode.services import WaitResults

from lineagehub.broker.tolerant_records import tolerate_bad_header_names
from lineagehub.errors import Retryable, Unavailable
from lineagehub_agents.delivery.records import Partition
from lineagehub_agents.eager import begin

log = structlog.get_logger(__name__)

MOVED_ON = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
"""What a broker answers to a member of a former generation: somebody else may hold the partition."""

DELIVER_BEFORE_STOP_SECONDS = 5.0
"""What was read before a damaged batch is delivered and committed meanwhile; else no restart would ever get so far."""

Offsets = Mapping[TopicPartition, tuple[int, str]]


class ConsumerThread(faust_aiokafka.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer. Methods are called through `call_thread`."""

    async def commit_offsets(self, offsets: Offsets, generation: int) -> bool:
        """Commit (offset, metadata); False if the group has moved on since `generation`. Raises Unavailable."""
        consumer = self._ensure_consumer()
        if consumer._coordinator.generation != generation or not consumer.assignment().issuperset(offsets):
            return False
        try:
            await consumer.commit({partition: OffsetAndMetadata(*entry) for partition, entry in offsets.items()})
        except MOVED_ON as error:
            log.info("A commit was refused: the group has moved on.", error=repr(error))
            return False
        except KafkaError as error:
            raise Unavailable("kafka", f"Offsets could not be committed: {error!r}.") from error
        # Faust's watch for a consumer that no longer commits looks here.
        self.tp_last_committed_at.update({TP(*partition): time.monotonic() for partition in offsets})
        return True

    async def fetch_committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
        """Return the group's committed (offset, metadata) from the broker."""
        found = await self._ensure_consumer()._coordinator.fetch_committed_offsets(list(partitions))
        return {partition: (entry.offset, entry.metadata) for partition, entry in found.items()}

    async def _fetch_records(self, *arguments: Any, **options: Any) -> Any:
        """Called by Faust. A damaged batch is not passed over: the process exits, and an operator decides."""
        try:
            return await super()._fetch_records(*arguments, **options)
        except CorruptRecordException as error:
            log.critical(
                "A batch on the broker's disk is damaged; delivery stops until it is mended or skipped.",
                error=str(error),
                fix="Restore it from a replica, or skip it: kafka-delete-records.sh up to the offset behind it.",
            )
            await asyncio.sleep(DELIVER_BEFORE_STOP_SECONDS)
            raise

    async def rewind(self, partition: TopicPartition, offset: int) -> None:
        """Read the partition from `offset` again; nothing happens if it is no longer ours."""
        try:
            self._ensure_consumer().seek(partition, offset)
        except IllegalStateError as error:
            log.info("A rewind came too late: the partition is gone.", partition=str(partition), error=repr(error))


class DeliveryConsumer(faust_aiokafka.Consumer):
    """Faust's consumer, committing only what the transport's `commit_delivered` commits."""

    _thread: ConsumerThread

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._rewinds: dict[TP, int] = {}
        self.handed_on: dict[TP, int] = {}
        """The offset after the last record that went on to the agent, of partitions since their assignment or rewind."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Called by Faust every `broker_commit_interval` and when it stops. A broker that is away is asked again later."""
        try:
            await cast(Transport, self.transport).commit_delivered()
        except Retryable as error:
            log.warning("Offsets are not committed yet.", error=str(error))
            return False
        return True

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:
        """Called by Faust for each record: hand it on, or hear that reading is suspended, whichever comes first.

        A record is handed on at once unless a buffer is full, and Faust makes four tasks before it sees that: half of its time a record.
        """
        handing_on, suspension = coros
        try:
            rest = begin(handing_on)
        except BaseException:
            suspension.close()
            raise
        if rest is None:
            suspension.close()
            return WaitResults([handing_on], [None], False)
        return await super().wait_first(rest, suspension, timeout=timeout)

    def rewind(self, partition: TP, offset: int) -> None:
        """Read the partition from `offset` again, at the next fetch. Records already fetched are dropped."""
        self._rewinds[partition] = offset

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Called by Faust in a loop, one fetch a call.

        Rewinds are done here, between two fetches: Faust remembers the last offset it read of each partition and drops what
        is before it, so a seek while a fetched record is on its way would be undone by that record.
        """
        wanted, self._rewinds = self._rewinds, {}
        for partition, offset in wanted.items():
            await self._thread.call_thread(self._thread.rewind, TopicPartition(*partition), offset)
            self._read_offset[partition] = offset or None
            self.handed_on.pop(partition, None)
        async for partition, message in super().getmany(timeout):
            if partition not in self._rewinds:
                self.handed_on[partition] = message.offset + 1
                yield partition, message


class Transport(faust_aiokafka.Transport):
    """The transport of one Faust app; also the `ConsumerGroup` that delivery asks (delivery/ranges.py)."""

    Consumer = DeliveryConsumer

    def __init__(self, url: Any, app: Any) -> None:
        super().__init__(url, app)
        self.commit_delivered: Callable[[], Awaitable[None]] = _commit_nothing
        tolerate_bad_header_names()

    @property
    def generation(self) -> int:
        """See ConsumerGroup."""
        return int(self.app.consumer_generation_id)

    def handed_on(self, topic: str) -> dict[Partition, int]:
        """Return, for each partition of ours of `topic`, the offset after the last record that went on to its agent."""
        assignment = self._consumer.assignment()
        return {
            Partition(*partition): offset
            for partition, offset in self._consumer.handed_on.items()
            if partition.topic == topic and partition in assignment
        }

    def ends(self, topic: str) -> dict[Partition, int]:
        """Return, for each partition of ours of `topic`, the offset after its last record, as of the last fetch that got some."""
        ends: dict[Partition, int] = {}
        for partition in self._consumer.assignment():
            # The consumer lives in a thread of its own, and may just lose the partition.
            with contextlib.suppress(AssertionError, IllegalStateError):
                end = self._consumer.highwater(partition)
                if partition.topic == topic and end:
                    ends[Partition(*partition)] = end
        return ends

    def owns(self, partition: Partition, generation: int) -> bool:
        """See ConsumerGroup."""
        return self.generation == generation and TP(*partition) in self._consumer.assignment()

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, str]]:
        """See ConsumerGroup."""
        thread = self._thread
        found = await thread.call_thread(thread.fetch_committed, [TopicPartition(*entry) for entry in partitions])
        return {partition: found.get(TopicPartition(*partition), (-1, "")) for partition in partitions}

    async def commit(self, offsets: Mapping[Partition, tuple[int, str]], generation: int) -> bool:
        """See ConsumerGroup."""
        thread = self._thread
        wanted = {TopicPartition(*partition): entry for partition, entry in offsets.items()}
        return bool(await thread.call_thread(thread.commit_offsets, wanted, generation))

    async def rewind(self, partition: Partition, offset: int) -> None:
        """See ConsumerGroup."""
        self._consumer.rewind(TP(*partition), offset)

    @property
    def _consumer(self) -> DeliveryConsumer:
        return cast(DeliveryConsumer, self.app.consumer)

    @property
    def _thread(self) -> ConsumerThread:
        return self._consumer._thread


async def _commit_nothing() -> None:
    return None
