"""Whether a group has delivered all that its topics hold, told without trusting end offsets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from lineagehub.broker.backlog import is_delivered, wait_caught_up, wait_delivered
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import Topic
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings
from tests.support.broker import free_port


@pytest.fixture
async def topic(kafka: KafkaSettings) -> str:
    """A topic with five records."""
    topic = Topic(f"backlog-{uuid4().hex[:8]}", "any", "any", ("tests",), ("tests",), 1)
    await apply_topics(kafka, [topic])
    async with Producer(kafka) as producer:
        for number in range(5):
            await producer.send(topic.name, str(number).encode())
    return topic.name


async def commit(kafka: KafkaSettings, group: str, topic: str, offset: int) -> None:
    consumer = AIOKafkaConsumer(**client_arguments(kafka), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): offset})
    finally:
        await consumer.stop()


async def test_a_group_that_committed_nothing_has_a_backlog(kafka: KafkaSettings, topic: str) -> None:
    assert not await is_delivered(kafka, "nobody", [topic])


async def test_a_group_is_done_when_nothing_lies_behind_its_offset(kafka: KafkaSettings, topic: str) -> None:
    group = f"group-{uuid4().hex[:8]}"
    await commit(kafka, group, topic, 4)
    assert not await is_delivered(kafka, group, [topic])
    await commit(kafka, group, topic, 5)
    assert await is_delivered(kafka, group, [topic])
    assert await wait_delivered(kafka, {group: [topic]}, 20)


async def test_waiting_ends_at_its_deadline(kafka: KafkaSettings, topic: str) -> None:
    assert not await wait_delivered(kafka, {"nobody": [topic]}, 0.1)


async def test_a_topic_that_is_not_there_holds_nothing(kafka: KafkaSettings) -> None:
    assert await is_delivered(kafka, "nobody", ["no-such-topic"])


async def test_a_broker_that_is_away_is_said_to_be_away() -> None:
    away = KafkaSettings.model_validate({"brokers": f"127.0.0.1:{free_port()}"})
    with pytest.raises(Unavailable):
        await is_delivered(away, "nobody", ["any"])
    assert not await wait_delivered(away, {"nobody": ["any"]}, 5)


@contextlib.asynccontextmanager
async def written_without_end(kafka: KafkaSettings, topic: str) -> AsyncIterator[None]:
    """Write to the topic for as long as the block lasts, so that there is always something that nobody has committed."""

    async def write() -> None:
        async with Producer(kafka) as producer:
            while True:
                await producer.send(topic, b"more")

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_group_has_caught_up_when_it_committed_what_was_there_before_the_call(
    kafka: KafkaSettings, topic: str
) -> None:
    group = f"group-{uuid4().hex[:8]}"
    assert not await wait_caught_up(kafka, group, [topic], 1)
    await commit(kafka, group, topic, 4)
    assert not await wait_caught_up(kafka, group, [topic], 1)
    await commit(kafka, group, topic, 5)
    assert await wait_caught_up(kafka, group, [topic], 20)
    assert await wait_caught_up(kafka, group, ["no-such-topic"], 20)


async def test_what_comes_without_end_afterwards_is_not_waited_for(kafka: KafkaSettings, topic: str) -> None:
    group = f"group-{uuid4().hex[:8]}"
    await commit(kafka, group, topic, 0)
    async with written_without_end(kafka, topic):
        waiting = asyncio.create_task(wait_caught_up(kafka, group, [topic], 20))
        committed = 0
        while not waiting.done():
            # The group commits what is there, always some records behind.
            committed = await committed_behind(kafka, group, topic, committed)
        assert await waiting
        assert not await is_delivered(kafka, group, [topic])


async def committed_behind(kafka: KafkaSettings, group: str, topic: str, committed: int) -> int:
    """Read on from an offset and commit all but the last record; return the offset committed."""
    consumer = AIOKafkaConsumer(**client_arguments(kafka), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, committed)
        records = (await consumer.getmany(timeout_ms=200)).get(partition, [])
        if records:
            committed = records[-1].offset
            await consumer.commit({partition: committed})
        return committed
    finally:
        await consumer.stop()


async def test_end_offsets_that_lag_are_believed_only_of_a_broker_whose_end_offsets_do_not(
    kafka: KafkaSettings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker's lag under load, by up to five records: here by two, always."""
    end_offsets = AIOKafkaConsumer.end_offsets

    async def lagging(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: end - 2 for partition, end in (await end_offsets(consumer, partitions)).items()}

    monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", lagging)
    group = f"group-{uuid4().hex[:8]}"
    await commit(kafka, group, topic, 3)
    assert kafka.end_offsets_lag
    assert not await wait_caught_up(kafka, group, [topic], 1)
    assert await wait_caught_up(kafka.model_copy(update={"idempotent": True}), group, [topic], 20)
    await commit(kafka, group, topic, 5)
    assert await wait_caught_up(kafka, group, [topic], 20)


async def test_while_the_broker_is_away_nobody_can_tell() -> None:
    away = KafkaSettings.model_validate({"brokers": f"127.0.0.1:{free_port()}"})
    with pytest.raises(Unavailable):
        await wait_caught_up(away, "nobody", ["any"], 20)
