"""The producer on a real broker: an answer means an acknowledgement; a broker that dies or is away means Unavailable, in time."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import Topic
from lineagehub.errors import Permanent, Retryable, Unavailable
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, free_port, start_embedded_broker
from tests.support.proxy import proxied_broker
from tests.support.records import read_records
from tests.support.waiting import wait_until_async

ACKNOWLEDGE_SECONDS = 1.0


def new_topic(partitions: int = 1) -> Topic:
    return Topic(f"test-{uuid4().hex[:8]}", "any", "any", ("tests",), ("tests",), partitions)


async def acknowledged(producer: Producer, topic: str) -> bool:
    try:
        await producer.send(topic, b"probe", key=b"probe")
    except Unavailable:
        return False
    return True


async def test_what_is_acknowledged_can_be_read_whole(kafka: KafkaSettings) -> None:
    topic = new_topic()
    await apply_topics(kafka, [topic])
    headers = [("lh-ns", b"analytics"), ("lh-ns", b"twice"), ("empty", b"")]
    async with Producer(kafka) as producer:
        assert await producer.send(topic.name, b"value", key=b"key", headers=headers) == (0, 0)
        assert await producer.send(topic.name, None, key=b"key") == (0, 1)
        assert await producer.send(topic.name, b"") == (0, 2)
    written, deleted, empty = await read_records(kafka, topic.name, 3)
    assert (written.key, written.value, list(written.headers)) == (b"key", b"value", headers)
    assert (deleted.key, deleted.value) == (b"key", None)
    assert (empty.key, empty.value) == (None, b"")


async def test_many_at_once_are_each_acknowledged_at_their_own_place(kafka: KafkaSettings) -> None:
    topic = new_topic(partitions=2)
    await apply_topics(kafka, [topic])
    async with Producer(kafka) as producer:
        places = await asyncio.gather(*(producer.send(topic.name, str(number).encode()) for number in range(500)))
    assert len(set(places)) == 500
    values = {(record.partition, record.offset): record.value for record in await read_records(kafka, topic.name, 500)}
    assert {place: values[place] for place in places} == {place: str(n).encode() for n, place in enumerate(places)}


async def test_a_record_larger_than_a_request_is_refused_for_good(kafka: KafkaSettings) -> None:
    async with Producer(kafka) as producer:
        with pytest.raises(Permanent) as caught:
            await producer.send("any", bytes(11 * 1_048_576))
    assert caught.value.reason is Reason.TOO_LARGE


async def test_a_producer_that_was_never_started_or_is_stopped_says_so(kafka: KafkaSettings) -> None:
    producer = Producer(kafka)
    with pytest.raises(Unavailable, match="not started"):
        await producer.send("any", b"")
    await producer.start()
    await producer.stop()
    await producer.stop()
    with pytest.raises(Unavailable, match="stopped"):
        await producer.send("any", b"")


async def test_start_and_stop_do_not_wait_for_a_broker_that_is_away() -> None:
    away = KafkaSettings.model_validate(
        {"brokers": f"127.0.0.1:{free_port()}", "acknowledge_timeout_seconds": ACKNOWLEDGE_SECONDS}
    )
    async with Producer(away) as producer:
        with pytest.raises(Unavailable) as caught:
            await producer.send("any", b"")
        with pytest.raises(Unavailable):
            await producer.ping()
    assert caught.value.dependency == "kafka"
    assert caught.value.retry_after_seconds is not None


async def test_a_broker_that_dies_is_unavailable_and_one_that_comes_back_is_used_again() -> None:
    topic = new_topic()
    with start_embedded_broker() as broker:
        kafka = broker.settings(acknowledge_timeout_seconds=ACKNOWLEDGE_SECONDS)
        await apply_topics(kafka, [topic])
        async with Producer(kafka) as producer:
            await producer.send(topic.name, b"before")
            await producer.ping()
            broker.kill()
            with pytest.raises(Unavailable):
                await producer.send(topic.name, b"while it is away")
            with pytest.raises(Retryable):
                await producer.ping()
            broker.start()
            await apply_topics(kafka, [topic])
            await wait_until_async(lambda: acknowledged(producer, topic.name), 20, "the producer to find the broker")
            await producer.ping()
        # The embedded broker forgot what was before; what was acknowledged since is there.
        assert b"probe" in {record.value for record in await read_records(kafka, topic.name, 1)}


async def test_a_broker_that_is_away_for_a_while_has_what_was_acknowledged_and_not_what_was_refused() -> None:
    topic = new_topic()
    async with proxied_broker() as (broker, proxy):
        kafka = broker.settings(acknowledge_timeout_seconds=ACKNOWLEDGE_SECONDS)
        await apply_topics(kafka, [topic])
        async with Producer(kafka) as producer:
            await producer.send(topic.name, b"before")
            await proxy.cut()
            for _ in range(2):
                refused = [producer.send(topic.name, b"meanwhile") for _ in range(5)]
                outcomes = await asyncio.gather(*refused, return_exceptions=True)
                assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
            await proxy.restore()
            await wait_until_async(lambda: acknowledged(producer, topic.name), 20, "the producer to find the broker")
        values = [record.value for record in await read_records(kafka, topic.name, 2)]
        assert set(values) == {b"before", b"probe"}


async def test_a_producer_whose_sender_died_is_replaced(broker: EmbeddedBroker) -> None:
    kafka = broker.settings()
    topic = new_topic()
    await apply_topics(kafka, [topic])
    async with Producer(kafka) as producer:
        await producer.send(topic.name, b"before")
        assert producer._client is not None
        sender = producer._client._sender.sender_task
        sender.cancel()
        await asyncio.wait({sender})
        await wait_until_async(lambda: acknowledged(producer, topic.name), 20, "a new sender")
