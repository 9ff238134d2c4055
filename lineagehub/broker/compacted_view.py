"""A compacted topic, held whole in memory and kept up to date: how web and agents know namespaces, keys and usage.

No consumer group: every process reads the whole topic. `apply` is called for each record, in order, in the event loop. A writer that
wants to read its own writes watches the view that its process has.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.fetches import answered_since
from lineagehub.settings import KafkaSettings

log = structlog.get_logger(__name__)

POLL_MS = 500
RECONNECT_SECONDS = 1.0

Apply = Callable[[bytes, bytes | None], Any]
Place = tuple[int, int]
"""Partition and offset."""


class Watch:
    """What `apply` returned for each record that was read since the watch began: how a writer learns what became of its own."""

    def __init__(self) -> None:
        self._outcomes: dict[Place, Any] = {}
        self._changed = asyncio.Event()

    def note(self, place: Place, outcome: Any) -> None:
        """Remember the outcome of a record; a view that begins anew reads it twice, and the first time counts."""
        self._outcomes.setdefault(place, outcome)
        self._changed.set()

    async def outcome(self, place: Place, timeout_seconds: float) -> Any:
        """Return what `apply` returned for the record at `place`, once it was read. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while place not in self._outcomes:
                self._changed.clear()
                await self._changed.wait()
        return self._outcomes[place]


class CompactedView:
    """Follows one compacted topic. `apply(key, value)` gets every record; a None value is a deletion."""

    def __init__(self, kafka: KafkaSettings, topic: str, apply: Apply) -> None:
        self._kafka = kafka
        self._topic = topic
        self._apply = apply
        self._caught_up = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._last_contact: float | None = None
        self._watches: list[Watch] = []

    async def start(self) -> None:
        """Begin to follow, in the background; a broker that is away delays nobody's start."""
        self._following = asyncio.create_task(self._follow_for_ever(), name=f"view of {self._topic}")

    async def stop(self) -> None:
        """Stop following. May be repeated."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    @property
    def is_complete(self) -> bool:
        """Whether everything that the topic held when we connected first has been applied."""
        return self._caught_up.is_set()

    @property
    def seconds_since_contact(self) -> float:
        """Seconds since the broker last answered a fetch; infinite before the first."""
        return float("inf") if self._last_contact is None else time.monotonic() - self._last_contact

    async def wait_complete(self, timeout_seconds: float | None) -> bool:
        """Wait until the view is complete, at most `timeout_seconds` (None: for ever); return whether it is."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._caught_up.wait()
        except TimeoutError:
            return False
        return True

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watch]:
        """Watch what is read while the block lasts. A writer begins before it sends."""
        watch = Watch()
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("The control view lost the broker; trying again.", topic=self._topic, error=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **client_arguments(self._kafka), enable_auto_commit=False, auto_offset_reset="earliest", group_id=None
        )
        try:
            await consumer.start()
            partitions = await self._partitions(consumer)
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            began_ms = moved_ms = time.time_ns() // 1_000_000
            while True:
                found = await consumer.getmany(timeout_ms=POLL_MS)
                if found:
                    moved_ms = time.time_ns() // 1_000_000
                for records in found.values():
                    for record in records:
                        if record.key is not None:
                            outcome = self._apply(record.key, record.value)
                            for watch in self._watches:
                                watch.note((record.partition, record.offset), outcome)
                self._note_contact(consumer, partitions)
                if not self._caught_up.is_set() and await _has_reached(consumer, ends):
                    # Where end offsets lag, two things tell that all is read that was there when we began: an answer without records,
                    # to a question asked after the last one (the broker takes as long to say so as we wait here, so it comes in some
                    # later turn); or a record that is younger, as broker, writers and we have one clock there.
                    is_whole = (
                        not self._kafka.end_offsets_lag
                        or (not found and answered_since(consumer, ends, moved_ms))
                        or _is_younger(found, ends, began_ms)
                    )
                    if is_whole:
                        self._caught_up.set()
        finally:
            await consumer.stop()

    def _note_contact(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        # `getmany` returns empty-handed whether the broker answered or is away; only the fetch answers themselves tell.
        answered = [consumer.last_poll_timestamp(partition) for partition in partitions]
        if all(answered):
            self._last_contact = time.monotonic() - (time.time() - min(answered) / 1000)

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        while True:
            # The client's own metadata knows only the topics that were there when it connected.
            cluster = await consumer._client.fetch_all_metadata()
            numbers = cluster.partitions_for_topic(self._topic)
            if numbers:
                return [TopicPartition(self._topic, number) for number in sorted(numbers)]
            log.warning("The topic is not there yet; waiting for `lineagehub topics apply`.", topic=self._topic)
            await asyncio.sleep(RECONNECT_SECONDS)


async def _has_reached(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True


def _is_younger(
    found: Mapping[TopicPartition, Sequence[ConsumerRecord]], partitions: Iterable[TopicPartition], moment_ms: int
) -> bool:
    return all(found.get(partition) and found[partition][-1].timestamp > moment_ms for partition in partitions)
