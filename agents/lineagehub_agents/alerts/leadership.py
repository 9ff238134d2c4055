"""Which of several `alerts` processes does the work: the one that Kafka assigns the only partition of `lineagehub-alerts` to.

Nothing is consumed through the group; it is an election. A new leader first writes a mark on the topic and reads it back: then it has
read everything that the one before it wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.broker.catching_up import catch_up
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.producer import Producer
from lineagehub.settings import AgentsSettings, KafkaSettings

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 2.0


class Leadership(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """A member of the group. `leads` is asked before each round of work."""

    def __init__(
        self,
        group: str,
        topic: str,
        kafka: KafkaSettings,
        agents: AgentsSettings,
        view: CompactedView,
        producer: Producer,
    ) -> None:
        self._group = group
        self._topic = topic
        self._kafka = kafka
        self._agents = agents
        self._view = view
        self._producer = producer
        self._joined = asyncio.Event()
        self._holds_partition = False
        self._has_read_mark = False
        self._joining: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the group, in the background."""
        self._joining = asyncio.create_task(self._stay_for_ever(), name="alerts leadership")

    async def stop(self) -> None:
        """Leave the group, so that another leads at once. May be repeated."""
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        self._holds_partition = False

    async def wait_joined(self) -> None:
        """Wait until the group has told who leads."""
        await self._joined.wait()

    @property
    def has_joined(self) -> bool:
        """Whether this process is in its group, leading or standing by."""
        return self._joined.is_set()

    async def leads(self) -> bool:
        """Tell whether this process leads, and has read what was written before. Raises Unavailable."""
        # Who hears nothing of the broker for a session may not be the leader any more.
        if not self._holds_partition or self._view.seconds_since_contact > self._agents.session_timeout_seconds:
            self._has_read_mark = False
            return False
        if not self._has_read_mark:
            await catch_up(self._view, self._producer, self._topic)
            self._has_read_mark = True
            log.info("This process sends the alerts now.")
        return self._holds_partition

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka before a rebalance."""
        self._holds_partition = False
        self._has_read_mark = False

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka after a rebalance."""
        self._holds_partition = any(partition.partition == 0 for partition in assigned)
        self._joined.set()

    async def _stay_for_ever(self) -> None:
        while True:
            consumer = AIOKafkaConsumer(
                **client_arguments(self._kafka),
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="latest",
                session_timeout_ms=self._agents.session_timeout_seconds * 1000,
                heartbeat_interval_ms=self._agents.heartbeat_seconds * 1000,
                rebalance_timeout_ms=self._agents.rebalance_timeout_seconds * 1000,
            )
            try:
                consumer.subscribe([self._topic], listener=self)
                await consumer.start()
                while True:
                    # Only so that the group sees a member that is alive.
                    await consumer.getmany(timeout_ms=1_000)
            except (KafkaError, OSError) as error:
                log.warning("The group of the alerts cannot be joined; trying again.", error=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self._holds_partition = False
                await consumer.stop()
