"""Which records stand on their topics again? Asked by a re-drive about what an earlier one had claimed and died with.

Reads a window of time of whole topics: seconds of them, and only after a crash. Believes a record only if the hub signed it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.auth.signature_keys import HmacKey
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.fetches import answered_since
from lineagehub.broker.tolerant_records import tolerate_bad_header_names
from lineagehub.contract.dead_letter import HEADER_LETTER
from lineagehub.contract.headers import BadEnvelope, read_headers
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

FETCH_MS = 200
DEADLINE_SECONDS = 20.0


async def find_redriven(
    kafka: KafkaSettings,
    signing_key: bytes,
    letters: Mapping[str, Iterable[str]],
    since_ms: int,
    until_ms: int,
    header: str = HEADER_LETTER,
) -> set[str]:
    """Return those letters (ids, by topic) that were re-driven between two moments of the broker's clock. Raises Unavailable.

    `header`: which one of a record says what it was.
    """
    wanted = {letter for ids in letters.values() for letter in ids}
    tolerate_bad_header_names()
    consumer = AIOKafkaConsumer(
        **client_arguments(kafka), group_id=None, enable_auto_commit=False, fetch_max_wait_ms=FETCH_MS
    )
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()
        partitions = [
            TopicPartition(topic, number) for topic in letters for number in cluster.partitions_for_topic(topic) or ()
        ]
        if not partitions:
            return set()
        consumer.assign(partitions)
        await _seek(consumer, kafka, partitions, since_ms)
        return {
            letter
            for record in await _read_until(consumer, partitions, until_ms, header)
            if (letter := _letter_of(record, HmacKey(signing_key), header)) in wanted
        }
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"What was re-driven could not be read: {error!r}.") from error
    finally:
        await consumer.stop()


async def _seek(
    consumer: AIOKafkaConsumer, kafka: KafkaSettings, partitions: list[TopicPartition], since_ms: int
) -> None:
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    for partition in partitions:
        at = found.get(partition)
        if at is not None and at.timestamp >= 0:
            consumer.seek(partition, at.offset)
        else:
            # Nothing is so young, says the broker. The embedded one may not know its last records yet.
            consumer.seek(partition, begins[partition] if kafka.end_offsets_lag else ends[partition])


async def _read_until(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], until_ms: int, header: str
) -> list[ConsumerRecord]:
    """Return the marked records up to a moment. Ends for each partition with a later record, or when the broker has no more."""
    read: list[ConsumerRecord] = []
    asked_ms = dict.fromkeys(partitions, time.time_ns() // 1_000_000)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while asked_ms:
        if time.monotonic() > deadline:
            raise Unavailable("kafka", f"What was re-driven could not be read within {DEADLINE_SECONDS:g} s.")
        found = await consumer.getmany(*asked_ms, timeout_ms=FETCH_MS)
        for partition, records in found.items():
            read += [record for record in records if any(name == header for name, _ in record.headers)]
            asked_ms[partition] = time.time_ns() // 1_000_000
            if records[-1].timestamp > until_ms:
                del asked_ms[partition]
        for partition in [one for one in asked_ms if one not in found]:
            if answered_since(consumer, [partition], asked_ms[partition]):
                del asked_ms[partition]
    return read


def _letter_of(record: ConsumerRecord, key: HmacKey, header: str) -> str | None:
    try:
        envelope, signature = read_headers(record.headers)
    except BadEnvelope:
        return None
    if envelope.key_id != HUB_KEY_ID or not key.has_signed(envelope, record.topic, record.value or b"", signature):
        return None
    return next((value or b"").decode(errors="replace") for name, value in record.headers if name == header)
