"""Is everything delivered? Asked by `lineagehub up` before it stops agents, and by the demo and tests.

Reads from a group's committed offsets and sees whether anything is there: the embedded broker's end offsets lag behind
what it holds (embedded.md), so they are never compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.tolerant_records import tolerate_bad_header_names
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

FETCH_MS = 300
PAUSE_SECONDS = 0.3


async def is_delivered(kafka: KafkaSettings, group: str, topics: Sequence[str]) -> bool:
    """Return whether the group has committed all that the topics hold. Takes 0.3 s when it has; raises Unavailable."""
    tolerate_bad_header_names()
    # The group's offsets are read without joining it: no subscription, partitions assigned by hand.
    consumer = AIOKafkaConsumer(
        **client_arguments(kafka), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()
        partitions = [
            TopicPartition(topic, number) for topic in topics for number in cluster.partitions_for_topic(topic) or ()
        ]
        if not partitions:
            return True
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, await consumer.committed(partition) or 0)
        return not await consumer.getmany(timeout_ms=FETCH_MS, max_records=1)
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"The backlog of {group} could not be read: {error!r}.") from error
    finally:
        await consumer.stop()


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
