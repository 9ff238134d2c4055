"""Reading back from Kafka in tests: the records of a topic, the dead letters; and records that no client library would write."""

from __future__ import annotations

import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.record.util import calc_crc32c

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.tolerant_records import tolerate_bad_header_names
from lineagehub.contract.dead_letter import HEADER_OFFSET, HEADER_PARTITION, HEADER_REASON, HEADER_TOPIC
from lineagehub.contract.topics import DEAD_LETTERS
from lineagehub.settings import KafkaSettings
from tests.support.waiting import wait_until_async

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""

_PLACE_AND_REASON = (HEADER_TOPIC, HEADER_PARTITION, HEADER_OFFSET, HEADER_REASON)
_CHECKSUM_AT = slice(17, 21)
_CHECKSUMMED_FROM = 21
_STAND_IN = b"stand-in"


async def read_records(kafka: KafkaSettings, topic: str, count: int, deadline_seconds: float = 20) -> list[Any]:
    """Return all records of a topic once there are at least `count` of them, in order within each partition.

    Reads on until a fetch comes back empty: the embedded broker's end offsets cannot be trusted.
    """
    tolerate_bad_header_names()
    consumer = AIOKafkaConsumer(**client_arguments(kafka), group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    records: list[Any] = []

    async def read_to_the_end() -> bool:
        fetched = await consumer.getmany(timeout_ms=300)
        for batch in fetched.values():
            records.extend(batch)
        return not fetched and len(records) >= count

    try:
        cluster = await consumer._client.fetch_all_metadata()
        numbers = cluster.partitions_for_topic(topic) or set()
        consumer.assign([TopicPartition(topic, number) for number in numbers])
        await wait_until_async(read_to_the_end, deadline_seconds, f"{count} records on {topic}")
    finally:
        await consumer.stop()
    return records


async def read_dead_letters(
    kafka: KafkaSettings, count: int, deadline_seconds: float = 20
) -> dict[Place, tuple[str, str]]:
    """Return (lane, reason) of every dead letter, of at least `count`, by the place of its record; fail if a place has several."""
    letters = await read_records(kafka, kafka.topic_name(DEAD_LETTERS), count, deadline_seconds)
    found = {}
    for letter in letters:
        # The headers of the record itself follow ours and may have the same names.
        headers = {name: value.decode() for name, value in reversed(letter.headers) if name in _PLACE_AND_REASON}
        place = (headers[HEADER_TOPIC], int(headers[HEADER_PARTITION]), int(headers[HEADER_OFFSET]))
        found[place] = (letter.key.decode(), headers[HEADER_REASON])
    assert len(found) == len(letters), "a record has several dead letters"
    return found


async def write_with_header_name(kafka: KafkaSettings, topic: str, value: bytes, header_name: bytes) -> None:
    """Write one record to partition 0 with one header of this name, which need not be text (at most 8 bytes are taken)."""
    producer = AIOKafkaProducer(**client_arguments(kafka))
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(key=None, value=value, timestamp=int(time.time() * 1000), headers=[(_STAND_IN.decode(), b"1")])
        data = bytearray(batch._build()).replace(_STAND_IN, header_name.ljust(len(_STAND_IN), b"x")[: len(_STAND_IN)])
        data[_CHECKSUM_AT] = calc_crc32c(bytes(data[_CHECKSUMMED_FROM:])).to_bytes(4, "big")
        batch._buffer = data
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
