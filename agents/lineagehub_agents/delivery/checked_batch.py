"""A batch whose records are checked: its token, and how it is cut into smaller ones. Pure; used by the Deliverer."""

from __future__ import annotations

from dataclasses import dataclass

from lineagehub_agents.delivery.ranges import BatchRange
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, SinkBatch


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record of a proved writer that the batch does not hold: a dead letter, or over quota. `events`: how many it counts as."""

    record: Record
    namespace: str
    events: int = 1


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """Offsets of one partition, those of its records that are good, those left out, and the broker time of the first record."""

    partition: Partition
    range: BatchRange
    records: tuple[CheckedRecord, ...]
    first_timestamp_ms: int
    left_out: tuple[LeftOut, ...] = ()

    @property
    def batch(self) -> SinkBatch:
        """The batch as the sink gets it."""
        token = f"{self.partition}:{self.range.first}-{self.range.last}@{self.first_timestamp_ms}"
        return SinkBatch(token, self.records)

    def cut(self, maximum_rows: int) -> list[CheckedBatch]:
        """Return it in parts of at most `maximum_rows` rows; a record with more is alone in its part."""
        parts: list[CheckedBatch] = []
        rest, rows, taken = self, 0, 0
        for checked in self.records:
            if taken and rows + checked.rows > maximum_rows:
                part, rest = rest.split(taken)
                parts.append(part)
                rows = taken = 0
            rows += checked.rows
            taken += 1
        return [*parts, rest]

    def split(self, middle: int) -> tuple[CheckedBatch, CheckedBatch]:
        """Return the records before the index `middle` and those from it on."""
        split = self.records[middle].record.offset
        return (
            self._part(self.range.first, split - 1, self.records[:middle], self.first_timestamp_ms),
            self._part(split, self.range.last, self.records[middle:], self.records[middle].record.timestamp_ms),
        )

    def _part(self, first: int, last: int, records: tuple[CheckedRecord, ...], first_timestamp_ms: int) -> CheckedBatch:
        left_out = tuple(left for left in self.left_out if first <= left.record.offset <= last)
        return CheckedBatch(self.partition, self.range.part(first, last), records, first_timestamp_ms, left_out)
