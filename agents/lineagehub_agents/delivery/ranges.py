"""Batch ranges: the durable note "these offsets of this partition are being inserted", written before the insert.

After a crash the partition's next owner reads it first and forms exactly the same batch, with the same deduplication
token, so that the sink ignores what it already has (DESIGN section 6). Two homes, one protocol: `CommitRanges` keeps it in
the metadata of the group's offset commit, atomic with the offset and refused to a zombie; `FileRanges` in a fsynced file,
for the embedded broker, which drops that metadata.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from lineagehub.errors import Retryable
from lineagehub_agents.delivery.records import Partition

log = structlog.get_logger(__name__)

MAXIMUM_RANGE = 10_000
"""Offsets in one range. With two bits each they are 2,500 bytes, 3,336 as base64: within Kafka's 4,096 bytes of metadata."""

_EXCLUDED, _DIVERTED = 1, 2


@dataclass(frozen=True, slots=True)
class BatchRange:
    """Offsets `first` to `last` (inclusive), and what was decided about them before the sink saw any.

    Those `excluded` are dead letters and those `diverted` are over quota: they are not in the batch. Decided once and kept here, so that
    a batch that is delivered again goes, and is counted, as it was the first time.
    """

    first: int
    last: int
    excluded: frozenset[int] = frozenset()
    diverted: frozenset[int] = frozenset()

    def to_text(self) -> str:
        """Return the range as text of at most 3.4 kB."""
        text = f"1:{self.first}:{self.last}"
        if not self.excluded | self.diverted:
            return text
        fates = bytearray((self.last - self.first) // 4 + 1)
        for fate, offsets in ((_EXCLUDED, self.excluded), (_DIVERTED, self.diverted)):
            for offset in offsets:
                position = offset - self.first
                fates[position // 4] |= fate << 2 * (position % 4)
        return f"{text}:{base64.b64encode(fates).decode()}"

    @classmethod
    def from_text(cls, text: str) -> BatchRange | None:
        """Return the range that `text` is, or None if it is none of ours (empty, or another program's metadata)."""
        version, *parts = text.split(":")
        if version != "1" or len(parts) not in (2, 3):
            return None
        try:
            first, last = int(parts[0]), int(parts[1])
            fates = base64.b64decode(parts[2], validate=True) if len(parts) == 3 else b""
        except ValueError:
            return None
        if not 0 <= first <= last < first + MAXIMUM_RANGE:
            return None
        decided: dict[int, set[int]] = {_EXCLUDED: set(), _DIVERTED: set()}
        for place, four in enumerate(fates):
            for position in range(4) if four else ():
                if fate := four >> 2 * position & 3:
                    if fate not in decided:
                        return None
                    decided[fate].add(first + 4 * place + position)
        if any(offset > last for offsets in decided.values() for offset in offsets):
            return None
        return cls(first, last, *map(frozenset, decided.values()))

    def part(self, first: int, last: int) -> BatchRange:
        """Return the range of these of its offsets."""
        decided = (self.excluded, self.diverted)
        return BatchRange(
            first, last, *(frozenset(offset for offset in offsets if first <= offset <= last) for offsets in decided)
        )


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a new owner begins: everything before `offset` is delivered; `range` is an unfinished batch there."""

    offset: int
    range: BatchRange | None = None


class ConsumerGroup(Protocol):
    """What delivery needs of the consumer: implemented by kafka_transport.py over Faust's."""

    @property
    def generation(self) -> int:
        """The group's generation in which this member last got partitions."""
        ...

    def owns(self, partition: Partition, generation: int) -> bool:
        """Whether the partition is assigned to this member, still in that generation."""
        ...

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, str]]:
        """Return committed (offset, metadata) of each; offset -1 where nothing was ever committed."""
        ...

    async def commit(self, offsets: Mapping[Partition, tuple[int, str]], generation: int) -> bool:
        """Commit (offset, metadata) of each; False, and nothing committed, if this member's generation is over.

        Raises Retryable when the broker does not answer.
        """
        ...

    async def rewind(self, partition: Partition, offset: int) -> None:
        """Read the partition again from `offset`."""
        ...


class Ranges(Protocol):
    """Where ranges are recorded. Called by the Deliverer only."""

    async def resume(self, partitions: Collection[Partition]) -> dict[Partition, Resumption]:
        """Return where to begin in each partition just assigned."""
        ...

    async def record(self, ranges: Mapping[Partition, BatchRange], generation: int) -> bool:
        """Make the ranges durable, replacing earlier ones; False if another worker may own the partitions by now."""
        ...


class CommitRanges:
    """Ranges in the metadata of the group's offset commit: one round trip, atomic with it, fenced by the generation."""

    def __init__(self, group: ConsumerGroup) -> None:
        self._group = group

    async def resume(self, partitions: Collection[Partition]) -> dict[Partition, Resumption]:
        """See Ranges. A range that does not begin at the committed offset is not ours and is ignored."""
        resumptions = {}
        for partition, (offset, metadata) in (await self._group.committed(partitions)).items():
            pending = BatchRange.from_text(metadata)
            resumptions[partition] = Resumption(
                max(offset, 0), pending if pending and pending.first == offset else None
            )
        return resumptions

    async def record(self, ranges: Mapping[Partition, BatchRange], generation: int) -> bool:
        """See Ranges."""
        return await self._group.commit(
            {partition: (pending.first, pending.to_text()) for partition, pending in ranges.items()}, generation
        )


class FileRanges:
    """Ranges in one fsynced file a partition, under `directory`, which must belong to one life of the broker only.

    Ahead of the committed offset on purpose: a file that says `first` proves that everything before was delivered, even
    when the crash came before the commit.
    """

    def __init__(self, directory: Path, group: ConsumerGroup) -> None:
        self._directory = directory
        self._group = group

    async def resume(self, partitions: Collection[Partition]) -> dict[Partition, Resumption]:
        """See Ranges."""
        committed = await self._group.committed(partitions)
        resumptions = {}
        for partition in partitions:
            offset = max(committed.get(partition, (0, ""))[0], 0)
            pending = await asyncio.to_thread(self._read, partition)
            live = pending is not None and pending.first >= offset
            resumptions[partition] = Resumption(pending.first, pending) if live and pending else Resumption(offset)
        return resumptions

    async def record(self, ranges: Mapping[Partition, BatchRange], generation: int) -> bool:
        """See Ranges. One machine, one data directory: a lost assignment is seen in memory. Raises Retryable (disk full)."""
        if not all(self._group.owns(partition, generation) for partition in ranges):
            return False
        try:
            await asyncio.to_thread(self._write_all, ranges)
        except OSError as error:
            raise Retryable(f"The batch range cannot be written: {error}.") from error
        return all(self._group.owns(partition, generation) for partition in ranges)

    def _path(self, partition: Partition) -> Path:
        return self._directory / f"{partition.topic}-{partition.number}.json"

    def _read(self, partition: Partition) -> BatchRange | None:
        path = self._path(partition)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        pending = _parse(content)
        if pending is None:
            # Never written so: the disk damaged it. Without it a batch may be written twice, but nothing is lost.
            log.error("A batch range is damaged and is ignored; a batch may be doubled.", path=str(path))
        return pending

    def _write_all(self, ranges: Mapping[Partition, BatchRange]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        for partition, pending in ranges.items():
            path = self._path(partition)
            temporary = path.with_suffix(".tmp")
            with temporary.open("w") as file:
                file.write(json.dumps({"range": pending.to_text()}))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _parse(content: bytes) -> BatchRange | None:
    try:
        entry = json.loads(content)
    except ValueError:
        return None
    text = entry.get("range") if isinstance(entry, dict) else None
    return BatchRange.from_text(text) if isinstance(text, str) else None
