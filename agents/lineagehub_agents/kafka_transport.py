"""Faust's Kafka transport, with the two things that delivery must own: what is committed, and what stands beside the offset.

Faust commits what agents acknowledged, with empty metadata, and acknowledges records of a former assignment as it skips them
(faust/streams.py). Here every commit passes through one place, `ConsumerThread.commit_offsets`, which is refused when the group has
moved on, and the periodic commit asks the Deliverer what is delivered. Used by app.py only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import structlog
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as faust_aiokafka
from faust.types import TP

from lineagehub.errors import Unavailable
from lineagehub_agents.delivery.records import Partition

log = structlog.get_logger(__name__)

MOVED_ON = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
"""What a broker answers to a member of a former generation: somebody else may hold the partition."""

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
        return True

    async def fetch_committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
        """Return the group's committed (offset, metadata) from the broker."""
        found = await self._ensure_consumer()._coordinator.fetch_committed_offsets(list(partitions))
        return {partition: (entry.offset, entry.metadata) for partition, entry in found.items()}


class Consumer(faust_aiokafka.Consumer):
    """Faust's consumer, committing only what the transport's `commit_delivered` commits."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Called by Faust every `broker_commit_interval` and when it stops."""
        await self.transport.commit_delivered()
        return True


class Transport(faust_aiokafka.Transport):
    """The transport of one Faust app; also the `ConsumerGroup` that delivery asks (delivery/ranges.py)."""

    Consumer = Consumer

    def __init__(self, url: Any, app: Any) -> None:
        super().__init__(url, app)
        self.commit_delivered: Callable[[], Awaitable[None]] = _commit_nothing

    @property
    def generation(self) -> int:
        """See ConsumerGroup."""
        return int(self.app.consumer_generation_id)

    def owns(self, partition: Partition, generation: int) -> bool:
        """See ConsumerGroup."""
        return self.generation == generation and TP(*partition) in self.app.consumer.assignment()

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
        await self.app.consumer.seek(TP(*partition), offset)

    @property
    def _thread(self) -> ConsumerThread:
        thread: ConsumerThread = self.app.consumer._thread
        return thread


async def _commit_nothing() -> None:
    return None
