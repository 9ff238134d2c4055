"""The broker side of the hub on Apache Kafka: topics as the contract says, its refusals, and its death and return."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import Difference, apply_topics, check_topics
from lineagehub.contract.topics import CONTROL, OPENLINEAGE_EVENTS, OTEL_SPANS
from lineagehub.errors import LineageHubError, Permanent, Unavailable
from lineagehub.settings import KafkaSettings
from tests.support.kafka import Kafka
from tests.support.records import read_records
from tests.support.waiting import wait_until_async

MEBIBYTE = 1 << 20


def _renamed(kafka: Kafka, prefix: str) -> KafkaSettings:
    names = {topic.name: f"{prefix}-{topic.name}" for topic in (CONTROL, OPENLINEAGE_EVENTS, OTEL_SPANS)}
    return KafkaSettings(brokers=kafka.bootstrap, topic_names=names)


async def test_topics_are_created_as_the_contract_says_and_every_difference_is_named(kafka: Kafka) -> None:
    settings = _renamed(kafka, "check")
    topics = (CONTROL, OPENLINEAGE_EVENTS, OTEL_SPANS)
    assert [difference.aspect for difference in await check_topics(settings, topics)] == ["missing"] * 3
    assert await apply_topics(settings, topics) == [settings.topic_name(topic) for topic in topics]
    assert await check_topics(settings, topics) == []
    assert await apply_topics(settings, topics) == []

    wrong = KafkaSettings(brokers=kafka.bootstrap, topic_names={OTEL_SPANS.name: "check-wrong"})
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    config = {**OTEL_SPANS.config, "retention.ms": "1000"}
    await admin.create_topics([NewTopic("check-wrong", 1, 1, topic_configs=config)])
    await admin.close()

    async def is_visible() -> bool:
        return all(difference.aspect != "missing" for difference in await check_topics(wrong, (OTEL_SPANS,)))

    await wait_until_async(is_visible, 30, "the broker's metadata to show the new topic")
    assert await check_topics(wrong, (OTEL_SPANS,)) == [
        Difference("check-wrong", "partitions", "4", "1"),
        Difference("check-wrong", "retention.ms", OTEL_SPANS.config["retention.ms"], "1000"),
    ]


async def test_the_broker_refuses_a_compression_bomb_and_overrides_a_forged_time(kafka: Kafka) -> None:
    settings = _renamed(kafka, "rules")
    await apply_topics(settings, (OTEL_SPANS,))
    topic = settings.topic_name(OTEL_SPANS)
    assert len(gzip.compress(bytes(5 * MEBIBYTE))) < 10_000
    bomber = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, compression_type="gzip", max_request_size=100 * MEBIBYTE, acks="all"
    )
    await bomber.start()
    try:
        with pytest.raises(KafkaError):
            await bomber.send_and_wait(topic, bytes(5 * MEBIBYTE))
        await bomber.send_and_wait(topic, b"x", timestamp_ms=1, partition=0)
    finally:
        await bomber.stop()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    assert record.timestamp > 1_700_000_000_000


async def test_an_event_of_8_mib_fits_and_a_larger_record_is_refused_for_good(kafka: Kafka) -> None:
    settings = _renamed(kafka, "sizes")
    await apply_topics(settings, (OPENLINEAGE_EVENTS, OTEL_SPANS))
    async with Producer(settings) as producer:
        await producer.send(settings.topic_name(OPENLINEAGE_EVENTS), bytes(8 * MEBIBYTE))
        with pytest.raises(Permanent):
            await producer.send(settings.topic_name(OTEL_SPANS), bytes(2 * MEBIBYTE))


async def test_a_killed_broker_is_unavailable_and_comes_back_with_everything_acknowledged(kafka: Kafka) -> None:
    settings = _renamed(kafka, "killed").model_copy(update={"acknowledge_timeout_seconds": 3.0})
    await apply_topics(settings, (CONTROL,))
    topic = settings.topic_name(CONTROL)
    seen: dict[bytes, bytes | None] = {}
    view = CompactedView(settings, topic, seen.__setitem__)
    async with Producer(settings) as producer:
        await producer.send(topic, b"1", key=b"before")
        await view.start()
        assert await view.wait_complete(30)
        kafka.kill()
        with pytest.raises(Unavailable):
            await producer.send(topic, b"2", key=b"while-away")
        kafka.restart()

        async def accepts() -> bool:
            try:
                await producer.send(topic, b"3", key=b"after")
            except LineageHubError:
                return False
            return True

        async def follows() -> bool:
            return seen.get(b"after") == b"3"

        await wait_until_async(accepts, 60, "the producer to be taken again")
        await wait_until_async(follows, 60, "the view to follow again")
    await view.stop()
    assert seen[b"before"] == b"1"


async def test_what_was_refused_while_the_broker_was_away_is_not_written_when_it_is_back(kafka: Kafka) -> None:
    settings = _renamed(kafka, "refused").model_copy(update={"acknowledge_timeout_seconds": 2.0})
    await apply_topics(settings, (OTEL_SPANS,))
    topic = settings.topic_name(OTEL_SPANS)
    acknowledged: set[bytes] = set()

    async with Producer(settings) as producer:

        async def sent(value: bytes) -> bool:
            try:
                await producer.send(topic, value)
            except Unavailable:
                return False
            acknowledged.add(value)
            return True

        names = [str(number).encode() for number in range(40)]
        assert all(await asyncio.gather(*(sent(b"before " + name) for name in names)))
        kafka.kill()
        # The second attempts find batches of the first ones that are being sent again, and such as wait behind them.
        for attempt in (b"first ", b"second "):
            assert not any(await asyncio.gather(*(sent(attempt + name) for name in names)))
        kafka.restart()
        await wait_until_async(lambda: sent(b"probe"), 60, "the producer to be taken again")
        assert all(await asyncio.gather(*(sent(b"after " + name) for name in names)))
    written = [record.value for record in await read_records(settings, topic, len(acknowledged))]
    assert set(written) == acknowledged
    once = [value for value in written if value != b"probe"]
    assert len(once) == len(set(once)) == 80
