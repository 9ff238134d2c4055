"""Is everything delivered? Asked by `lineagehub up` before it stops agents, by deletions, and by the demo and tests.

Reads from a group's committed offsets and sees whether anything is there: the embedded broker's end offsets lag behind
what it holds (embedded.md), so they are never relied on alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.fetches import answered_since
from lineagehub.broker.tolerant_records import tolerate_bad_header_names
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

FETCH_MS = 200
"""How long the broker waits for records before it answers that there are none."""

ANSWER_SECONDS = 15.0
PAUSE_SECONDS = 0.3


async def is_delivered(kafka: KafkaSettings, group: str, topics: Sequence[str]) -> bool:
    """Return whether the group has committed all that the topics hold. Takes 0.2 s when it has; raises Unavailable."""
    async with _reader(kafka, group, topics) as (consumer, partitions):
        if not partitions:
            return True
        offsets = {partition: await consumer.committed(partition) or 0 for partition in partitions}
        return not await _read_from(consumer, offsets)


async def wait_delivered(kafka: KafkaSettings, groups: Mapping[str, Sequence[str]], timeout_seconds: float) -> bool:
    """Wait until every group has delivered its topics, at most `timeout_seconds`; return whether they have."""
    try:
        async with asyncio.timeout(timeout_seconds):
            for group, topics in groups.items():
                # The answer is the broker's: nothing in this process could set an event.
                while not await is_delivered(kafka, group, topics):  # noqa: ASYNC110
                    await asyncio.sleep(PAUSE_SECONDS)
    except (TimeoutError, Unavailable):
        return False
    return True


async def wait_caught_up(kafka: KafkaSettings, group: str, topics: Sequence[str], timeout_seconds: float) -> bool:
    """Wait until the group has delivered what was acknowledged before this call, whatever comes after it; return whether it has.

    That is, until it has committed the offsets at which the partitions ended. Where end offsets lag, also until the first record that it
    has not committed is younger than this call, or there is none: broker, producers and we have one clock there. Raises Unavailable.
    """
    called_at_ms = time.time_ns() // 1_000_000
    try:
        async with asyncio.timeout(timeout_seconds), _reader(kafka, group, topics) as (consumer, partitions):
            if not partitions:
                return True
            begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            waiting = set(partitions)
            while True:
                offsets = {partition: await consumer.committed(partition) or begins[partition] for partition in waiting}
                reached = {partition for partition in waiting if offsets[partition] >= ends[partition]}
                if kafka.end_offsets_lag and reached == waiting:
                    reached = await _younger(consumer, offsets, called_at_ms)
                elif kafka.end_offsets_lag:
                    reached = set()
                waiting -= reached
                if not waiting:
                    return True
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        return False


async def _younger(
    consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], moment_ms: int
) -> set[TopicPartition]:
    """Return the partitions whose records from these offsets on are younger than the moment: all of them when none has a record."""
    consumer.pause(*consumer.assignment())
    consumer.resume(*offsets)
    found = await _read_from(consumer, offsets)
    if not found:
        return set(offsets)
    return {partition for partition, records in found.items() if records[0].timestamp > moment_ms}


async def _read_from(
    consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, list[ConsumerRecord]]:
    """Return the next records of some of the partitions from these offsets on; none only when the broker said so of each."""
    for partition, offset in offsets.items():
        consumer.seek(partition, offset)
    asked_ms = time.time_ns() // 1_000_000
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        found: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(*offsets, timeout_ms=FETCH_MS)
        if found or answered_since(consumer, offsets, asked_ms):
            return found
    raise Unavailable("kafka", f"Kafka does not answer fetches; waited {ANSWER_SECONDS:g} s.", PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def _reader(
    kafka: KafkaSettings, group: str, topics: Sequence[str]
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """Give a consumer that can see the group's offsets, and the topics' partitions, which are assigned to it. Raises Unavailable."""
    tolerate_bad_header_names()
    # The group's offsets are read without joining it: no subscription, partitions assigned by hand.
    consumer = AIOKafkaConsumer(
        **client_arguments(kafka),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_MS,
    )
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()
        partitions = [
            TopicPartition(topic, number) for topic in topics for number in cluster.partitions_for_topic(topic) or ()
        ]
        if partitions:
            consumer.assign(partitions)
        yield consumer, partitions
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"The backlog of {group} could not be read: {error!r}.") from error
    finally:
        await consumer.stop()
