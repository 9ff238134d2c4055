"""Replicas that count each other through a real broker: they come, go, die, and lose the broker."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import REPLICAS
from lineagehub.quota.replicas import Replicas
from lineagehub.settings import KafkaSettings
from tests.support.broker import free_port
from tests.support.proxy import proxied_broker
from tests.support.waiting import wait_until_async

HEARTBEAT_SECONDS = 0.2
LIFETIME_SECONDS = 2.0
SECONDS = 20


@dataclass
class Replica:
    """One replica with a producer of its own, as a web has them."""

    producer: Producer
    replicas: Replicas

    async def die(self) -> None:
        """Fall silent without a word, as kill -9 does."""
        await self.producer.stop()
        await self.replicas.stop()


@contextlib.asynccontextmanager
async def replica(kafka: KafkaSettings) -> AsyncIterator[Replica]:
    """Run a replica."""
    producer = Producer(kafka)
    await producer.start()
    replicas = Replicas(kafka, producer, HEARTBEAT_SECONDS, LIFETIME_SECONDS)
    await replicas.start()
    try:
        yield Replica(producer, replicas)
    finally:
        await replicas.stop()
        await producer.stop()


async def until(count: int, *running: Replica) -> None:
    """Wait until each of them counts so many."""

    async def counted() -> bool:
        return all(one.replicas.count() == count for one in running)

    await wait_until_async(counted, SECONDS, f"{len(running)} replicas to count {count}")


async def test_replicas_count_each_other_and_one_that_stops_is_gone_at_once(kafka: KafkaSettings) -> None:
    async with replica(kafka) as first:
        assert first.replicas.count() == 1
        async with replica(kafka) as second:
            await until(2, first, second)
            async with replica(kafka) as third:
                await until(3, first, second, third)
            await until(2, first, second)


async def test_one_that_dies_is_counted_no_more_and_its_restart_is(kafka: KafkaSettings) -> None:
    async with replica(kafka) as first, replica(kafka) as second:
        await until(2, first, second)
        await second.die()
        await until(1, first)
        async with replica(kafka) as restarted:
            await until(2, first, restarted)
            assert restarted.replicas.id != second.replicas.id


@pytest.mark.slow
async def test_while_the_broker_is_away_the_count_stays_and_then_the_dead_are_found_out() -> None:
    async with proxied_broker() as (broker, proxy):
        kafka = broker.settings()
        await apply_topics(kafka, (REPLICAS,))
        async with replica(kafka) as first, replica(kafka) as second:
            await until(2, first, second)
            await proxy.cut()
            await second.die()

            async def long_gone() -> bool:
                assert first.replicas.count() == 2
                return first.replicas.seconds_since_contact > 2 * LIFETIME_SECONDS

            await wait_until_async(long_gone, SECONDS, "the broker to be away for longer than a replica lives")
            await proxy.restore()
            await until(1, first)


async def test_without_a_broker_a_replica_is_alone_and_starts_and_stops() -> None:
    async with replica(KafkaSettings.model_validate({"brokers": f"127.0.0.1:{free_port()}"})) as alone:
        assert alone.replicas.count() == 1
