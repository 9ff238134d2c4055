"""What a secured Kafka refuses a tenant that has all its rights: bombs, broken batches, others' topics, reading, transactions, floods.

Rows H08, H09, H10 and H13 to H16 of bad-input; the users and ACLs are those that `lineagehub kafka acls` makes.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import KafkaException
from confluent_kafka import Producer as LibrdkafkaProducer

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.topics import open_admin
from lineagehub.contract.topics import TENANT_TOPICS, TOPICS
from lineagehub.settings import KafkaSettings
from tests.support.attacks import ARRIVE_SECONDS, EVENTS, MEBIBYTE, SPANS, assert_flows, event, now_ms, producer
from tests.support.secured_hub import ATTACKERS_BYTES_A_SECOND, BOUND_TOPIC, SecuredHub
from tests.support.secured_kafka import ADMIN, PASSWORD
from tests.support.waiting import wait_until

BOMB_BYTES = 20 * MEBIBYTE
ABSENT_TOPIC = "a-topic-that-is-not-there"


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
@pytest.mark.parametrize("topic", [SPANS, EVENTS])
def test_the_broker_refuses_a_compression_bomb(secured: SecuredHub, topic: str, codec: str) -> None:
    """H08: 20 MiB of nothing, which every codec makes smaller than the topic's largest record."""
    error = _refusal(
        secured, topic, bytes(BOMB_BYTES), **{"compression.type": codec, "message.max.bytes": 100 * MEBIBYTE}
    )
    assert error is not None
    assert "MSG_SIZE_TOO_LARGE" in error or "INVALID_RECORD" in error, error


async def test_the_same_bomb_passes_where_the_broker_leaves_compression_to_the_producer(secured: SecuredHub) -> None:
    """What the test before would miss if its bombs were none."""
    topic, administrator = "takes-bombs", {"sasl.username": ADMIN, "sasl.password": PASSWORD}
    async with open_admin(secured.kafka.settings()) as admin:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"compression.type": "producer"})])
    options = {"compression.type": "gzip", "message.max.bytes": 100 * MEBIBYTE, **administrator}
    assert await asyncio.to_thread(_refusal, secured, topic, bytes(BOMB_BYTES), **options) is None


def _refusal(hub: SecuredHub, topic: str, value: bytes, **options: Any) -> str | None:
    """Return the error by which librdkafka reports that the broker did not take a record of the attacker's, or None."""
    outcomes: list[str | None] = []
    client = LibrdkafkaProducer(_librdkafka(hub) | options)
    client.produce(topic, value, on_delivery=lambda error, _: outcomes.append(error.name() if error else None))
    assert client.flush(ARRIVE_SECONDS) == 0
    return outcomes[0]


def _librdkafka(hub: SecuredHub) -> dict[str, Any]:
    return {
        "bootstrap.servers": hub.kafka.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": hub.attacker.user,
        "sasl.password": hub.attacker.password,
        "log_level": 0,
    }


async def test_the_broker_refuses_a_batch_with_a_wrong_checksum_and_one_that_is_too_large(secured: SecuredHub) -> None:
    """H09 at the door, and H10."""
    async with producer(secured.attacker.settings) as writing:
        batch = writing.create_batch()
        batch.append(key=None, value=event("never-stored"), timestamp=now_ms(), headers=[])
        data = bytearray(batch._build())
        data[-1] ^= 1
        batch._buffer = data
        with pytest.raises(KafkaError, match="Corrupt"):
            await (await writing.send_batch(batch, EVENTS, partition=0))
        with pytest.raises(MessageSizeTooLargeError):
            await writing.send_and_wait(SPANS, bytes(2 * MEBIBYTE))


async def test_a_tenant_can_write_to_its_topics_and_do_nothing_else(secured: SecuredHub) -> None:
    """H13, H16."""
    attacker = secured.attacker.settings
    shared = {topic.name for topic in TENANT_TOPICS}
    forbidden = [topic.name for topic in TOPICS if topic.name not in shared]
    for topic in (*forbidden, BOUND_TOPIC, "__consumer_offsets", ABSENT_TOPIC):
        assert _refusal(secured, topic, b"x") in ("TOPIC_AUTHORIZATION_FAILED", "_UNKNOWN_TOPIC"), topic
    assert ABSENT_TOPIC not in await _topics_seen_by(secured.kafka.settings())
    assert await _topics_seen_by(attacker) == shared

    reader = AIOKafkaConsumer(**client_arguments(attacker), auto_offset_reset="earliest")
    await reader.start()
    try:
        reader.assign([TopicPartition(EVENTS, 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(reader.getone(), ARRIVE_SECONDS)
    finally:
        await reader.stop()
    member = AIOKafkaConsumer(EVENTS, **client_arguments(attacker), group_id="lineage-store")
    try:
        with pytest.raises(GroupAuthorizationFailedError):
            await asyncio.wait_for(member.start(), ARRIVE_SECONDS)
    finally:
        await member.stop()


async def _topics_seen_by(kafka: KafkaSettings) -> set[str]:
    async with producer(kafka) as connected:
        return set((await connected.client.fetch_all_metadata()).topics())


async def test_a_wrong_password_opens_nothing(secured: SecuredHub) -> None:
    for user, password in ((secured.attacker.user, "wrong-password"), ("nobody", secured.attacker.password)):
        stranger = producer(secured.kafka.settings(user, password))
        try:
            with pytest.raises(KafkaError, match="bootstrap"):
                await stranger.start()
        finally:
            await stranger.stop()


async def test_a_tenant_cannot_open_a_transaction_and_one_that_stays_open_delays_nobody(secured: SecuredHub) -> None:
    """H15. Whoever may open one: the agents do not wait for its end."""
    client = LibrdkafkaProducer(_librdkafka(secured) | {"transactional.id": "attack"})
    with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
        client.init_transactions(ARRIVE_SECONDS)
    async with producer(secured.kafka.settings(), transactional_id="left open") as administrator:
        await administrator.begin_transaction()
        for partition in range(4):
            await administrator.send_and_wait(EVENTS, b"open", partition=partition)
        await assert_flows(secured, "behind-an-open-transaction")
        await administrator.abort_transaction()


async def test_who_floods_is_delayed_by_the_broker_and_delays_nobody_else(secured: SecuredHub) -> None:
    """H14: as much as a minute of the quota, as fast as it goes."""
    delays: list[float] = []
    configuration = _librdkafka(secured) | {"throttle_cb": lambda event: delays.append(event.throttle_time)}
    flooding = LibrdkafkaProducer(configuration)
    for _ in range(60):
        flooding.produce(SPANS, b"x" * (ATTACKERS_BYTES_A_SECOND // 2))
    await asyncio.to_thread(
        wait_until, lambda: flooding.poll(0.1) is not None and any(delays), ARRIVE_SECONDS, "a delay by the broker"
    )
    assert len(flooding) > 0, "everything was taken at once"
    await assert_flows(secured, "beside-a-flood")
    flooding.purge()
    flooding.flush(ARRIVE_SECONDS)
