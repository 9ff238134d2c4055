"""Kafka record batches that can always be read, whatever the names of their headers.

aiokafka decodes header names as UTF-8 and raises UnicodeDecodeError; brokers do not look at them. One such record, which
anyone with WRITE on a topic can produce, would stop every consumer of its partition for ever (seen with aiokafka 0.14). Here
the bytes of a name that is not UTF-8 are read as `?`: no header of ours is called so, hence the record takes the way of any
other unknown one.

And what is before a batch that is damaged (a wrong CRC) is handed on: aiokafka raises in mid-fetch and forgets it. The next fetch
begins with the damaged batch, and raises.

Called once by whoever reads tenant topics (the agents' transport, backlog.py); never touches values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_LENGTH = struct.Struct(">qi")
"""Base offset and length of what follows: the first 12 bytes of a batch in every message format."""
_MAGIC_OFFSET = 16


def tolerate_bad_header_names() -> None:
    """Make all aiokafka consumers of this process read such batches. May be repeated."""
    fetcher.MemoryRecords = TolerantRecords


class TolerantRecords:
    """Stands in for aiokafka's MemoryRecords: the batches of one fetched partition."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._records = MemoryRecords(data)
        self._position = 0
        self._next = self._read_batch()

    def size_in_bytes(self) -> int:
        """Bytes fetched."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Whether a whole batch is left, and no damaged one before it."""
        return self._next is not None

    def next_batch(self) -> Any:
        """Return the next batch, or None."""
        batch, self._next = self._next, None
        if batch is not None:
            following = self._read_batch()
            self._next = following if following is not None and following.validate_crc() else None
        return batch

    def _read_batch(self) -> Any:
        batch = self._records.next_batch()
        if batch is None:
            return None
        _, length = _LENGTH.unpack_from(self._data, self._position)
        begin, self._position = self._position, self._position + _LENGTH.size + length
        if self._data[begin + _MAGIC_OFFSET] < 2:
            return batch
        return _TolerantBatch(batch, memoryview(self._data)[begin : self._position])


class _TolerantBatch:
    """A record batch whose iteration begins again, with repaired names, when a header name is not UTF-8."""

    def __init__(self, batch: DefaultRecordBatch, data: memoryview) -> None:
        self._batch = batch
        self._data = data
        self._is_sound: bool | None = None

    def validate_crc(self) -> bool:
        """Whether its checksum is right; computed once, because we ask and aiokafka does."""
        if self._is_sound is None:
            self._is_sound = bool(self._batch.validate_crc())
        return self._is_sound

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except UnicodeDecodeError:
            # The fetcher passes over offsets that it has had.
            yield from _repaired(self._data)


def _repaired(data: memoryview) -> _DefaultRecordBatchPy:
    batch = _DefaultRecordBatchPy(data)
    batch._maybe_uncompress()
    position = batch._pos
    for _ in range(batch._num_records):
        position = _repair_record(batch._buffer, position)
    return batch


def _repair_record(buffer: bytearray, position: int) -> int:
    """Overwrite undecodable header names of the record at `position`; return where the next record begins (KIP-98 format)."""
    length, position = decode_varint(buffer, position)
    end = int(position + length)
    _, position = decode_varint(buffer, position + 1)
    _, position = decode_varint(buffer, position)
    for _ in ("key", "value"):
        size, position = decode_varint(buffer, position)
        position += max(size, 0)
    headers, position = decode_varint(buffer, position)
    for _ in range(headers):
        size, position = decode_varint(buffer, position)
        _repair_name(buffer, position, position + size)
        position += size
        size, position = decode_varint(buffer, position)
        position += max(size, 0)
    return end


def _repair_name(buffer: bytearray, begin: int, end: int) -> None:
    try:
        buffer[begin:end].decode()
    except UnicodeDecodeError:
        buffer[begin:end] = b"?" * (end - begin)
