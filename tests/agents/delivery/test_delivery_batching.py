"""Batches: contiguous and within their limits, an unfinished range formed again exactly, and gaps not believed at once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineagehub_agents.delivery.batching import PartitionBatcher, RawBatch
from lineagehub_agents.delivery.ranges import MAXIMUM_RANGE, BatchRange, Resumption
from lineagehub_agents.delivery.records import Partition, Record

from tests.support.delivery import record

PARTITION = Partition("openlineage-events", 0)


def batcher(
    offset: int = 0, pending: BatchRange | None = None, records: int = 10, size: int = 1_000
) -> PartitionBatcher:
    return PartitionBatcher(Resumption(offset, pending), records, size)


def sized(offset: int, size: int) -> Record:
    return record(PARTITION, offset, b"x" * size)


def feed(to: PartitionBatcher, offsets: Iterable[int], size: int = 1) -> list[RawBatch]:
    for offset in offsets:
        assert to.add(sized(offset, size))
    return list(to.take_batches())


def offsets(batch: RawBatch) -> list[int]:
    return [item.offset for item in batch.records]


def test_records_are_cut_in_order_by_their_number() -> None:
    assert [offsets(batch) for batch in feed(batcher(records=3), range(7))] == [[0, 1, 2], [3, 4, 5], [6]]


def test_records_are_cut_by_their_bytes() -> None:
    assert [offsets(batch) for batch in feed(batcher(size=25), range(5), size=10)] == [[0, 1], [2, 3], [4]]


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    cutter = batcher(size=100)
    for offset, size in enumerate([10, 500, 10]):
        cutter.add(sized(offset, size))
    assert [offsets(batch) for batch in cutter.take_batches()] == [[0], [1], [2]]


def test_no_batch_spans_more_offsets_than_a_range_can_hold() -> None:
    cutter = batcher(records=1_000_000, size=10**9)
    taken = feed(cutter, range(MAXIMUM_RANGE + 5))
    assert [(batch.first, batch.last) for batch in taken] == [
        (0, MAXIMUM_RANGE - 1),
        (MAXIMUM_RANGE, MAXIMUM_RANGE + 4),
    ]


def test_no_batch_spans_more_offsets_than_a_range_can_hold_across_a_gap() -> None:
    cutter = batcher()
    far = MAXIMUM_RANGE + 7
    cutter.add(sized(0, 1))
    assert not cutter.add(sized(far, 1))
    assert cutter.add(sized(far, 1))
    assert [offsets(batch) for batch in cutter.take_batches()] == [[0], [far]]


@given(st.integers(0, 50), st.lists(st.integers(1, 9), min_size=1), st.integers(1, 6), st.integers(1, 40))
def test_every_record_is_in_one_batch_however_they_arrive(
    start: int, chunks: list[int], records: int, size: int
) -> None:
    cutter = batcher(offset=start, records=records, size=size)
    seen: list[int] = []
    position = start
    for chunk in chunks:
        for batch in feed(cutter, range(position, position + chunk), size=7):
            assert len(batch.records) <= records
            assert len(batch.records) == 1 or len(batch.records) * 7 <= size
            assert offsets(batch) == list(range(batch.first, batch.last + 1))
            seen += offsets(batch)
        position += chunk
    assert seen == list(range(start, position))


@given(st.integers(1, 20), st.integers(0, 20), st.lists(st.integers(1, 7), min_size=1), st.integers(1, 5))
def test_an_unfinished_range_is_formed_again_whatever_the_chunks_and_the_limits(
    length: int, after: int, chunks: list[int], limit: int
) -> None:
    pending = BatchRange(100, 100 + length - 1, frozenset({100}))
    cutter = batcher(100, pending, records=limit)
    taken: list[RawBatch] = []
    position, end, turn = 100, 100 + length + after, 0
    while position < end:
        chunk = min(chunks[turn % len(chunks)], end - position)
        taken += feed(cutter, range(position, position + chunk))
        position, turn = position + chunk, turn + 1
    assert taken[0].replayed == pending
    assert offsets(taken[0]) == list(range(100, 100 + length))
    assert (taken[0].first, taken[0].last) == (pending.first, pending.last)
    assert all(batch.replayed is None for batch in taken[1:])
    assert [offset for batch in taken for offset in offsets(batch)] == list(range(100, end))


def test_an_unfinished_range_is_held_back_until_its_last_record_is_there() -> None:
    cutter = batcher(5, BatchRange(5, 8))
    assert feed(cutter, [5, 6, 7]) == []
    assert [offsets(batch) for batch in feed(cutter, [8, 9])] == [[5, 6, 7, 8], [9]]


def test_an_unfinished_range_whose_end_was_deleted_meanwhile_ends_at_the_record_after_it() -> None:
    cutter = batcher(5, BatchRange(5, 8))
    assert feed(cutter, [5, 6]) == []
    assert not cutter.add(sized(10, 1))
    assert cutter.add(sized(10, 1))
    first, second = cutter.take_batches()
    assert (first.first, first.last, offsets(first)) == (5, 8, [5, 6])
    assert offsets(second) == [10]


def test_records_that_were_delivered_before_are_passed_over() -> None:
    assert [offsets(batch) for batch in feed(batcher(offset=3), range(6))] == [[3, 4, 5]]


def test_records_that_are_read_twice_are_taken_once() -> None:
    assert [offsets(batch) for batch in feed(batcher(), [0, 1, 0, 1, 2])] == [[0, 1, 2]]


def test_a_gap_is_not_believed_when_it_is_read_first() -> None:
    cutter = batcher()
    assert cutter.add(sized(0, 1))
    assert not cutter.add(sized(5, 1))
    assert not cutter.add(sized(6, 1))
    assert cutter.next_offset == 1
    assert [offsets(batch) for batch in cutter.take_batches()] == [[0]]


def test_a_gap_that_was_a_loss_on_the_way_is_closed_when_it_is_read_again() -> None:
    cutter = batcher()
    assert not cutter.add(sized(2, 1))
    assert [offsets(batch) for batch in feed(cutter, range(4))] == [[0, 1, 2, 3]]


def test_a_gap_is_believed_when_the_same_record_comes_after_it_again() -> None:
    cutter = batcher()
    assert not cutter.add(sized(5, 1))
    assert [offsets(batch) for batch in feed(cutter, [5, 6])] == [[5, 6]]


def test_a_later_record_behind_a_gap_is_not_proof_of_it() -> None:
    cutter = batcher()
    assert not cutter.add(sized(5, 1))
    assert not cutter.add(sized(6, 1))
    # Read again, and 5 was lost on the way: only 5 itself would prove that nothing lies before it.
    assert not cutter.add(sized(6, 1))
    assert [offsets(batch) for batch in feed(cutter, [5, 6])] == [[5, 6]]


def test_a_gap_that_grows_by_retention_while_it_is_doubted_is_believed_in_the_end() -> None:
    cutter = batcher()
    assert not cutter.add(sized(5, 1))
    for _ in range(2):
        assert not cutter.add(sized(9, 1))
    assert cutter.add(sized(9, 1))


def test_a_second_gap_is_doubted_anew() -> None:
    cutter = batcher()
    assert not cutter.add(sized(5, 1))
    assert cutter.add(sized(5, 1))
    assert not cutter.add(sized(8, 1))


@pytest.mark.parametrize("pending", [None, BatchRange(7, 9)])
def test_nothing_read_is_nothing_to_deliver(pending: BatchRange | None) -> None:
    assert list(batcher(7, pending).take_batches()) == []
