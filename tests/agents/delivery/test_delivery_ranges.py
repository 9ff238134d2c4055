"""Batch ranges: their text, which must fit beside an offset on Kafka, and their two homes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineagehub_agents.delivery.ranges import MAXIMUM_RANGE, BatchRange, CommitRanges, FileRanges, Resumption
from lineagehub_agents.delivery.records import Partition

from lineagehub.errors import Retryable
from tests.support.delivery import GOOD, Worker, World

KAFKA_METADATA_BYTES = 4_096
"""Kafka's `offset.metadata.max.bytes`."""

PARTITION = Partition("openlineage-events", 0)
RANGE = BatchRange(10, 19, frozenset({12, 19}))


@given(
    st.integers(0, 2**62),
    st.integers(1, MAXIMUM_RANGE),
    st.dictionaries(st.integers(0, MAXIMUM_RANGE - 1), st.integers(0, 1), max_size=50),
)
def test_a_range_is_read_as_it_was_written(first: int, length: int, fates: dict[int, int]) -> None:
    decided = [
        frozenset(first + position for position, its in fates.items() if its == fate and position < length)
        for fate in range(2)
    ]
    written = BatchRange(first, first + length - 1, *decided)
    assert BatchRange.from_text(written.to_text()) == written


def test_the_longest_range_with_every_offset_excluded_fits_beside_an_offset() -> None:
    first = 2**63 - 1 - MAXIMUM_RANGE
    longest = BatchRange(first, first + MAXIMUM_RANGE - 1, frozenset(range(first, first + MAXIMUM_RANGE)))
    assert len(longest.to_text().encode()) < KAFKA_METADATA_BYTES
    assert BatchRange.from_text(longest.to_text()) == longest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1:5",
        "2:5:6",
        "1:a:b",
        "1:5:",
        "1::6",
        "1:6:5",
        "1:-1:5",
        f"1:0:{MAXIMUM_RANGE}",
        "1:0:99999999999999999999",
        "1:5:6:!!!",
        "1:5:6:/w==",
        "1:5:6:AA==:more",
        '{"range":"1:5:6"}',
        "another program's",
        "\0",
    ],
)
def test_a_text_of_another_program_is_no_range(text: str) -> None:
    assert BatchRange.from_text(text) is None


class Homes:
    """The same questions to either home."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.world = World([[GOOD] * 30], keeps_metadata=directory is None)

    def worker(self) -> Worker:
        worker = Worker(self.world, self.directory)
        worker.join()
        return worker


@pytest.fixture(params=["commits", "files"])
def homes(request: pytest.FixtureRequest, tmp_path: Path) -> Homes:
    """A partition whose ranges are recorded in offset commits, or in files."""
    return Homes(None if request.param == "commits" else tmp_path / "not" / "yet" / "there")


async def test_a_new_partition_begins_at_its_beginning(homes: Homes) -> None:
    ranges = homes.worker().deliverer.ranges
    assert await ranges.resume([PARTITION]) == {PARTITION: Resumption(0)}


async def test_a_recorded_range_is_found_by_the_next_owner(homes: Homes) -> None:
    worker = homes.worker()
    assert await worker.deliverer.ranges.record({PARTITION: RANGE}, worker.joined_generation)
    assert await homes.worker().deliverer.ranges.resume([PARTITION]) == {PARTITION: Resumption(10, RANGE)}


async def test_a_later_range_replaces_an_earlier_one(homes: Homes) -> None:
    worker = homes.worker()
    later = BatchRange(20, 29)
    for recorded in (RANGE, later):
        assert await worker.deliverer.ranges.record({PARTITION: recorded}, worker.joined_generation)
    assert await homes.worker().deliverer.ranges.resume([PARTITION]) == {PARTITION: Resumption(20, later)}


async def test_a_range_that_was_committed_past_is_over(homes: Homes) -> None:
    worker = homes.worker()
    assert await worker.deliverer.ranges.record({PARTITION: RANGE}, worker.joined_generation)
    assert await worker.deliverer.group.commit({PARTITION: (20, "")}, worker.joined_generation)
    assert await homes.worker().deliverer.ranges.resume([PARTITION]) == {PARTITION: Resumption(20)}


async def test_a_former_owner_records_nothing(homes: Homes) -> None:
    former, owner = homes.worker(), homes.worker()
    assert not await former.deliverer.ranges.record({PARTITION: RANGE}, former.joined_generation)
    assert await owner.deliverer.ranges.resume([PARTITION]) == {PARTITION: Resumption(0)}


async def test_metadata_of_another_program_is_ignored() -> None:
    world = World([[GOOD] * 30])
    worker = Worker(world)
    worker.join()
    world.committed[PARTITION] = (7, "another program's")
    assert await CommitRanges(worker.deliverer.group).resume([PARTITION]) == {PARTITION: Resumption(7)}


async def test_a_range_that_does_not_begin_at_the_committed_offset_is_not_ours() -> None:
    world = World([[GOOD] * 30])
    worker = Worker(world)
    worker.join()
    world.committed[PARTITION] = (7, RANGE.to_text())
    assert await CommitRanges(worker.deliverer.group).resume([PARTITION]) == {PARTITION: Resumption(7)}


def file_ranges(directory: Path) -> tuple[FileRanges, Worker]:
    worker = Worker(World([[GOOD] * 30], keeps_metadata=False), directory)
    worker.join()
    return FileRanges(directory, worker.deliverer.group), worker


async def test_a_file_ahead_of_the_committed_offset_proves_what_was_delivered(tmp_path: Path) -> None:
    ranges, worker = file_ranges(tmp_path)
    assert await ranges.record({PARTITION: RANGE}, worker.joined_generation)
    worker.world.committed[PARTITION] = (3, "")
    assert await ranges.resume([PARTITION]) == {PARTITION: Resumption(10, RANGE)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"range":',
        b"[]",
        b"null",
        b'"1:10:19"',
        b'{"range":7}',
        b'{"range":"torn"}',
        b"\xff\xfe",
        b"\0" * 40,
    ],
)
async def test_a_damaged_file_is_ignored_and_replaced_by_the_next_range(tmp_path: Path, content: bytes) -> None:
    ranges, worker = file_ranges(tmp_path)
    assert await ranges.record({PARTITION: RANGE}, worker.joined_generation)
    (written,) = tmp_path.iterdir()
    written.write_bytes(content)
    worker.world.committed[PARTITION] = (3, "")
    assert await ranges.resume([PARTITION]) == {PARTITION: Resumption(3)}
    assert await ranges.record({PARTITION: RANGE}, worker.joined_generation)
    assert await ranges.resume([PARTITION]) == {PARTITION: Resumption(10, RANGE)}


async def test_a_half_written_file_of_a_crash_is_not_looked_at(tmp_path: Path) -> None:
    ranges, worker = file_ranges(tmp_path)
    assert await ranges.record({PARTITION: RANGE}, worker.joined_generation)
    (written,) = tmp_path.iterdir()
    written.with_suffix(".tmp").write_text('{"ran')
    assert await ranges.resume([PARTITION]) == {PARTITION: Resumption(10, RANGE)}


async def test_partitions_have_files_of_their_own(tmp_path: Path) -> None:
    ranges, worker = file_ranges(tmp_path)
    worker.world.partitions.append([GOOD])
    worker.join()
    other = Partition(PARTITION.topic, 1)
    await ranges.record({PARTITION: RANGE, other: BatchRange(0, 0)}, worker.joined_generation)
    assert len(list(tmp_path.iterdir())) == 2
    assert await ranges.resume([PARTITION, other]) == {
        PARTITION: Resumption(10, RANGE),
        other: Resumption(0, BatchRange(0, 0)),
    }


async def test_a_file_is_readable_json(tmp_path: Path) -> None:
    ranges, worker = file_ranges(tmp_path)
    await ranges.record({PARTITION: BatchRange(10, 19)}, worker.joined_generation)
    (written,) = tmp_path.iterdir()
    assert json.loads(written.read_text()) == {"range": "1:10:19"}


async def test_a_directory_that_cannot_be_written_is_a_transient_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ranges, worker = file_ranges(tmp_path / "file" / "below")
    with pytest.raises(Retryable):
        await ranges.record({PARTITION: RANGE}, worker.joined_generation)
