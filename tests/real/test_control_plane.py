"""Two writers of the control topic on Apache Kafka, whose log cleaner compacts in earnest: what won is what is left."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.control import read_control
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.keys import namespace_key
from lineagehub.contract.topics import CONTROL
from lineagehub.management.control_plane import ControlPlane, open_control_plane
from lineagehub.settings import KafkaSettings
from tests.support.kafka import Kafka
from tests.support.waiting import wait_until_async

SEALER = Sealer("a secret key of these tests, long enough")
ROUNDS = 30
EAGER = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "200",
    "min.compaction.lag.ms": "0",
}
"""Compacts what the contract keeps for a day: so a late record and its repair end in different segments, and the cleaner between them."""
CLEANED_SECONDS = 90
"""The cleaner looks every 15 s."""


async def records_of(kafka: KafkaSettings, key: bytes) -> int:
    """Return how many records of a key the topic holds."""
    consumer = AIOKafkaConsumer(**client_arguments(kafka), auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(kafka.topic_name(CONTROL), 0)
        consumer.assign([partition])
        end, count = (await consumer.end_offsets([partition]))[partition], 0
        while await consumer.position(partition) < end:
            found = await consumer.getmany(timeout_ms=200)
            count += sum(record.key == key for records in found.values() for record in records)
        return count
    finally:
        await consumer.stop()


async def test_of_changes_at_once_one_is_in_force_and_outlives_the_log_cleaner(kafka: Kafka) -> None:
    settings = KafkaSettings(brokers=kafka.bootstrap, topic_names={CONTROL.name: "eager-control"})
    await apply_topics(settings, [replace(CONTROL, config=EAGER)])
    async with (
        Producer(settings) as producer,
        open_control_plane(settings, SEALER, producer) as first,
        open_control_plane(settings, SEALER, producer) as second,
    ):
        held = new_namespace("analytics")
        assert await first.put(held)
        for number in range(ROUNDS):
            changes = [changed_namespace(held, description=f"{name} {number}") for name in ("first", "second")]
            outcomes = await asyncio.gather(first.put(changes[0]), second.put(changes[1]))
            assert sorted(outcomes) == [False, True]
            held = changes[outcomes.index(True)]
            await _until_known(first, held)
            await _until_known(second, held)
        other = new_namespace("finance")

        async def is_cleaned() -> bool:
            # The active segment is never cleaned; what is written now and then makes a new one of it.
            nonlocal other
            await first.put(other)
            other = changed_namespace(other)
            return await records_of(settings, namespace_key("analytics")) < ROUNDS

        await wait_until_async(is_cleaned, CLEANED_SECONDS, "the log cleaner to have compacted")
    directory = Directory(SEALER)
    await read_control(settings, directory.apply)
    assert directory.namespaces["analytics"].description == held.description
    assert directory.namespaces["analytics"].revision == ROUNDS + 1


async def _until_known(control: ControlPlane, expected: NamespaceRecord) -> None:
    async def is_known() -> bool:
        record = control.directory.namespaces["analytics"]
        return (record.description, record.revision) == (expected.description, expected.revision)

    await wait_until_async(is_known, 20, "the change that won to be known")
