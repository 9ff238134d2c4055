"""Batches: how one partition's records are cut. Pure; the Deliverer owns one `PartitionBatcher` an assigned partition."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from lineagehub_agents.delivery.ranges import MAXIMUM_RANGE, BatchRange, Resumption
from lineagehub_agents.delivery.records import Record


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Contiguous records of one partition. `replayed` is the recorded range of a batch that an earlier owner had begun."""

    records: tuple[Record, ...]
    replayed: BatchRange | None = None

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self.replayed.first if self.replayed else self.records[0].offset

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return self.replayed.last if self.replayed else self.records[-1].offset


class PartitionBatcher:
    """Cuts one partition's records into batches, in order, each record in exactly one batch.

    Begins where the partition's resumption says: earlier offsets are passed over (they are delivered), and an unfinished
    range is formed again exactly, however the records arrive, before anything else.
    """

    def __init__(self, resumption: Resumption, maximum_records: int, maximum_bytes: int) -> None:
        self._next_offset = resumption.offset
        self._pending = resumption.range
        self._maximum_records = min(maximum_records, MAXIMUM_RANGE)
        self._maximum_bytes = maximum_bytes
        self._held: deque[Record] = deque()
        self._doubted: Counter[int] = Counter()
        self._lowest_doubted = 0

    @property
    def next_offset(self) -> int:
        """The offset that must be read next."""
        return self._next_offset

    def add(self, record: Record) -> bool:
        """Take in the next record read; False asks the caller to rewind the consumer to `next_offset`.

        A record that was read before is passed over. A gap in the offsets is either real (retention, a transaction's
        marker) or a record lost on its way to us, and nobody can tell at once: see `_is_real`. Until then False is returned
        for each record behind the gap, since records that were read before the rewind may still be on their way.
        """
        if record.offset < self._next_offset:
            return True
        if record.offset > self._next_offset and not self._is_real(record.offset):
            return False
        self._doubted.clear()
        self._held.append(record)
        self._next_offset = record.offset + 1
        return True

    def _is_real(self, offset: int) -> bool:
        """Whether the gap before `offset` is believed.

        It is when the lowest offset seen behind the gap comes a second time; or any other a third time, because the lowest may
        have been deleted meanwhile (retention).
        """
        self._lowest_doubted = min(offset, self._lowest_doubted) if self._doubted else offset
        self._doubted[offset] += 1
        return self._doubted[offset] >= (2 if offset == self._lowest_doubted else 3)

    def take_batches(self) -> Iterator[RawBatch]:
        """Yield what can be delivered now. An unfinished range is held back until its last offset has been read."""
        if self._pending is not None:
            if not self._held or self._held[-1].offset < self._pending.last:
                return
            pending, self._pending = self._pending, None
            records = []
            while self._held and self._held[0].offset <= pending.last:
                records.append(self._held.popleft())
            yield RawBatch(tuple(records), replayed=pending)
        while self._held:
            yield RawBatch(tuple(self._cut()))

    def _cut(self) -> Iterator[Record]:
        first = self._held[0].offset
        size = count = 0
        while self._held:
            record = self._held[0]
            full = count >= self._maximum_records or size + record.size > self._maximum_bytes
            if count and (full or record.offset - first >= MAXIMUM_RANGE):
                return
            count += 1
            size += record.size
            yield self._held.popleft()
