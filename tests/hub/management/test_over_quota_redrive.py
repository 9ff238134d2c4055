"""Re-drive of what was over quota, on a real broker: each record goes once, though the re-drive is killed in the middle of a chunk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.broker.producer import Header, Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.headers import HEADER_EVENT_ID, HEADER_KEY_ID, ContentKind
from lineagehub.contract.over_quota import Origin, over_quota_headers
from lineagehub.contract.topics import OTEL_SPANS, OVER_QUOTA
from lineagehub.management.over_quota_redrive import CHUNK, Redriven, Redriver
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, start_embedded_broker
from tests.support.records import read_records
from tests.support.signing import Tenancy

RECORDS = CHUNK + 20
EVENTS = 5


class Killed(BaseException):
    """The re-drive is gone, as by kill -9."""


class MortalProducer(Producer):
    """Writes as any does, and is killed with its process before a certain record that goes to a topic of tenants."""

    def __init__(self, kafka: KafkaSettings, lives: int) -> None:
        super().__init__(kafka)
        self._lives = lives

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Sequence[Header] = ()
    ) -> tuple[int, int]:
        """See Producer."""
        if topic == OTEL_SPANS.name:
            if not self._lives:
                raise Killed
            self._lives -= 1
        return await super().send(topic, value, key, headers)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """An empty broker."""
    with start_embedded_broker() as running:
        yield running


@pytest.fixture
async def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    """Where the topics are."""
    settings = broker.settings()
    await apply_topics(settings, [OVER_QUOTA, OTEL_SPANS])
    return settings


@pytest.fixture
async def tenancy(kafka: KafkaSettings) -> Tenancy:
    """The namespace `analytics`, whose records are over quota."""
    tenancy = Tenancy()
    writer, _, _ = tenancy.tenant()
    async with Producer(kafka) as producer:
        for offset in range(RECORDS):
            value = b"spans %d" % offset
            now_ms = time.time_ns() // 1_000_000
            own = writer.headers(OTEL_SPANS.name, value, ContentKind.TRACES, f"{offset:032x}", now_ms)
            origin = Origin(OTEL_SPANS.name, 0, offset, EVENTS, b"")
            headers = [*over_quota_headers("telemetry-store", origin), *own]
            await producer.send(OVER_QUOTA.name, value, key=b"analytics", headers=headers)
    return tenancy


async def redrive(kafka: KafkaSettings, tenancy: Tenancy, producer: Producer, room: int | None = None) -> Redriven:
    """Re-drive once, as a command of its own does."""
    async with producer:
        return await Redriver(kafka, tenancy.directory, tenancy.sealer, producer, "analytics").redrive(room)


async def sent(kafka: KafkaSettings, count: int) -> list[int]:
    """Return the numbers of the records on their topic, sorted, one that is there twice twice; all are signed by the hub."""
    headers = [dict(record.headers) for record in await read_records(kafka, OTEL_SPANS.name, count)]
    assert {one[HEADER_KEY_ID] for one in headers} == {HUB_KEY_ID.encode()}
    return sorted(int(one[HEADER_EVENT_ID], 16) for one in headers)


async def test_a_redrive_that_is_killed_within_a_chunk_leaves_nothing_to_go_twice(
    kafka: KafkaSettings, tenancy: Tenancy
) -> None:
    with pytest.raises(Killed):
        await redrive(kafka, tenancy, MortalProducer(kafka, lives=30))
    before = await sent(kafka, 1)
    assert 0 < len(before) <= 30
    again = await redrive(kafka, tenancy, Producer(kafka))
    assert (again.sent, again.refused, again.left) == (RECORDS - len(before), 0, 0)
    assert again.events == EVENTS * again.sent
    assert await sent(kafka, RECORDS) == list(range(RECORDS))
    assert await redrive(kafka, tenancy, Producer(kafka)) == Redriven()


async def test_a_redrive_sends_no_more_than_there_is_room_for_and_the_next_goes_on(
    kafka: KafkaSettings, tenancy: Tenancy
) -> None:
    assert await redrive(kafka, tenancy, Producer(kafka), room=52) == Redriven(10, 50, 0, RECORDS - 10)
    assert await redrive(kafka, tenancy, Producer(kafka)) == Redriven(RECORDS - 10, EVENTS * (RECORDS - 10), 0, 0)
    assert await sent(kafka, RECORDS) == list(range(RECORDS))
