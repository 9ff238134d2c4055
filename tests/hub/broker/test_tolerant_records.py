"""A record whose header name is not text, which brokers take from anyone, stops no consumer; plain aiokafka it stops for ever."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from uuid import uuid4

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from lineagehub.broker.producer import Producer
from lineagehub.broker.tolerant_records import TolerantRecords, tolerate_bad_header_names
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import Topic
from lineagehub.settings import KafkaSettings
from tests.support.records import read_records, write_with_header_name

GZIP = 1


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Leave aiokafka as it was."""
    before = fetcher.MemoryRecords
    yield
    fetcher.MemoryRecords = before


def build(*records: tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]], codec: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1_000_000,
    )  # fmt: skip
    for offset, (key, value, headers) in enumerate(records):
        builder.append(offset, timestamp=1_000, key=key, value=value, headers=headers)
    return bytes(builder.build())


def read(data: bytes) -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]:
    records = TolerantRecords(data)
    found: dict[int, tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = {}
    while records.has_next():
        for record in records.next_batch():
            found[record.offset] = (record.offset, record.key, record.value, list(record.headers))
    return list(found.values())


PLAIN = (b"key", b"value", [("name", b"1"), ("null", None), ("näme", b"")])
BAD = (None, None, [("name", b"1"), ("STANDIN", None), ("STANDIN", b"2"), ("last", b"3")])


def with_bad_name(data: bytes) -> bytes:
    return data.replace(b"STANDIN", b"\xff\xfe\xc0\x80\xed\xa0\x80")


def test_ordinary_batches_are_read_as_ever() -> None:
    data = build(PLAIN, (b"", b"", [])) + build(PLAIN, codec=GZIP)
    assert read(data) == [(0, *PLAIN), (1, b"", b"", [])]
    records = TolerantRecords(data)
    assert records.size_in_bytes() == len(data)
    first, second = records.next_batch(), records.next_batch()
    assert first.validate_crc()
    assert (first.base_offset, first.next_offset, second.is_control_batch) == (0, 2, False)
    assert not records.has_next()
    assert records.next_batch() is None


def test_what_is_before_a_damaged_batch_is_read_and_the_next_fetch_begins_with_it() -> None:
    sound, damaged = build(PLAIN), bytearray(build(PLAIN))
    damaged[-1] ^= 1
    assert read(sound + sound + bytes(damaged) + sound) == read(sound + sound)
    records = TolerantRecords(bytes(damaged) + sound)
    assert records.has_next()
    assert not records.next_batch().validate_crc()


def test_a_torn_last_batch_is_left_for_the_next_fetch() -> None:
    data = build(PLAIN)
    assert read(data + data[:-1]) == [(0, *PLAIN)]


def test_a_name_that_is_no_text_becomes_question_marks_and_all_else_stays() -> None:
    data = with_bad_name(build(PLAIN, BAD, PLAIN))
    bad = [("name", b"1"), ("???????", None), ("???????", b"2"), ("last", b"3")]
    assert read(data) == [(0, *PLAIN), (1, None, None, bad), (2, *PLAIN)]


def test_compressed_batches_are_repaired_too() -> None:
    plain = with_bad_name(build(PLAIN, BAD))
    header, records = bytearray(plain[:61]), plain[61:]
    compressor = zlib.compressobj(wbits=31)
    packed = compressor.compress(records) + compressor.flush()
    header[8:12] = (61 - 12 + len(packed)).to_bytes(4, "big")
    header[21:23] = GZIP.to_bytes(2, "big")
    assert [offset for offset, *_ in read(bytes(header) + packed)] == [0, 1]


def test_aiokafka_itself_still_raises_so_that_this_is_still_needed() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(MemoryRecords(with_bad_name(build(BAD))).next_batch())


async def test_a_consumer_reads_on_past_such_a_record(kafka: KafkaSettings) -> None:
    topic = Topic(f"tolerant-{uuid4().hex[:8]}", "any", "any", ("tests",), ("tests",), 1)
    await apply_topics(kafka, [topic])
    tolerate_bad_header_names()
    tolerate_bad_header_names()
    async with Producer(kafka) as producer:
        await producer.send(topic.name, b"before")
        await write_with_header_name(kafka, topic.name, b"bad", b"\xff\xfe")
        await producer.send(topic.name, b"after")
    records = await read_records(kafka, topic.name, 3)
    assert [record.value for record in records] == [b"before", b"bad", b"after"]
