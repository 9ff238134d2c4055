"""A compacted topic in memory, on a real broker: complete before it says so, current afterwards, and back after an outage."""

from __future__ import annotations

from uuid import uuid4

import pytest

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import CONTROL, Topic
from lineagehub.settings import KafkaSettings
from tests.support.broker import free_port
from tests.support.proxy import proxied_broker
from tests.support.waiting import wait_until_async


class Table:
    """What a view is applied to: the last value of each key."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def apply(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    async def has(self, key: bytes, value: bytes | None) -> bool:
        return self.values.get(key) == value


@pytest.fixture
async def topic(kafka: KafkaSettings) -> Topic:
    """A compacted topic of this test's own."""
    topic = Topic(f"view-{uuid4().hex[:8]}", "any", "any", ("tests",), ("tests",), 2, CONTROL.config)
    await apply_topics(kafka, [topic])
    return topic


async def test_a_view_is_complete_with_all_that_was_there_and_then_follows(kafka: KafkaSettings, topic: Topic) -> None:
    table = Table()
    view = CompactedView(kafka, topic.name, table.apply)
    async with Producer(kafka) as producer:
        for number in range(20):
            await producer.send(topic.name, str(number).encode(), key=f"key-{number % 5}".encode())
        assert not view.is_complete
        await view.start()
        try:
            assert await view.wait_complete(20)
            assert len(table.values) == 5
            assert view.seconds_since_contact < 20
            await producer.send(topic.name, b"new", key=b"key-0")
            await wait_until_async(lambda: table.has(b"key-0", b"new"), 20, "a change to arrive")
            await producer.send(topic.name, None, key=b"key-0")
            await wait_until_async(lambda: table.has(b"key-0", None), 20, "a deletion to arrive")
        finally:
            await view.stop()
            await view.stop()


async def test_a_view_of_an_empty_topic_is_complete(kafka: KafkaSettings, topic: Topic) -> None:
    view = CompactedView(kafka, topic.name, Table().apply)
    await view.start()
    try:
        assert await view.wait_complete(20)
    finally:
        await view.stop()


async def test_a_view_of_a_broker_that_is_away_starts_and_stops_and_is_not_complete() -> None:
    view = CompactedView(KafkaSettings.model_validate({"brokers": f"127.0.0.1:{free_port()}"}), "any", Table().apply)
    await view.start()
    try:
        assert not await view.wait_complete(0.1)
        assert view.seconds_since_contact == float("inf")
    finally:
        await view.stop()


async def test_a_view_waits_for_its_topic_to_be_created(kafka: KafkaSettings) -> None:
    topic = Topic(f"view-{uuid4().hex[:8]}", "any", "any", ("tests",), ("tests",), 1, CONTROL.config)
    table = Table()
    view = CompactedView(kafka, topic.name, table.apply)
    await view.start()
    try:
        assert not await view.wait_complete(0.2)
        await apply_topics(kafka, [topic])
        assert await view.wait_complete(20)
    finally:
        await view.stop()


async def test_a_view_follows_on_after_the_broker_was_away() -> None:
    table = Table()
    async with proxied_broker() as (broker, proxy):
        kafka = broker.settings()
        await apply_topics(kafka, [CONTROL])
        view = CompactedView(kafka, CONTROL.name, table.apply)
        async with Producer(kafka) as producer:
            await producer.send(CONTROL.name, b"before", key=b"key")
            await view.start()
            try:
                assert await view.wait_complete(20)
                await proxy.cut()
                assert await table.has(b"key", b"before")
                await proxy.restore()
                await producer.send(CONTROL.name, b"after", key=b"key")
                await wait_until_async(lambda: table.has(b"key", b"after"), 30, "the view to find the broker again")
                assert view.is_complete
            finally:
                await view.stop()
