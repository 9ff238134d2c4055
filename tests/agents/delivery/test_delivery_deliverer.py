"""The Deliverer, case by case: bad records, refused batches, lost answers, zombies, and what must end the process.

Random interleavings of all of these are in test_delivery_ledger.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from lineagehub_agents.delivery.checked_batch import LeftOut
from lineagehub_agents.delivery.ranges import BatchRange
from lineagehub_agents.delivery.records import Partition, SinkBatch
from lineagehub_agents.delivery.refusals import MAXIMUM_IN_A_ROW
from lineagehub_agents.delivery.retrying import Stuck

from lineagehub.contract.reasons import Reason
from lineagehub.errors import LineageHubError, Permanent, Retryable
from tests.support.delivery import BAD, BROKEN, GOOD, OVER, REFUSED, TOPIC, Crash, Event, Worker, World, record

FIRST = Partition(TOPIC, 0)


def joined(world: World, batch_records: int = 100, sink_records: int = 10_000) -> Worker:
    worker = Worker(world, batch_records=batch_records, sink_records=sink_records)
    worker.join()
    return worker


def on_send(worker: Worker, hook: Callable[[SinkBatch], None]) -> None:
    """Call `hook` before each send of the worker's sink."""
    send = worker.deliverer.sink.send

    async def hooked(batch: SinkBatch) -> None:
        hook(batch)
        await send(batch)

    worker.deliverer.sink.send = hooked  # type: ignore[method-assign]  # The sink is the test's own.


def offsets(world: World) -> list[list[int]]:
    return [[offset for _, offset in places] for places in world.tokens.values()]


async def test_a_batch_is_recorded_then_sent_then_committed() -> None:
    world = World([[GOOD] * 5])
    worker = joined(world)
    seen: list[tuple[int, str]] = []
    on_send(worker, lambda batch: seen.append(world.committed[FIRST]))
    await worker.step(5)
    assert seen == [(0, BatchRange(0, 4).to_text())]
    assert world.committed[FIRST] == (0, BatchRange(0, 4).to_text())
    await worker.deliverer.commit()
    assert world.committed[FIRST] == (5, "")
    assert worker.deliverer.state.delivered == 5


async def test_the_token_names_topic_partition_offsets_and_the_first_records_time() -> None:
    world = World([[GOOD] * 3])
    await joined(world).step(3)
    assert list(world.tokens) == [f"{TOPIC}:0:0-2@{record(FIRST, 0).timestamp_ms}"]


async def test_a_commit_without_news_asks_the_broker_nothing() -> None:
    world = World([[GOOD] * 3])
    worker = joined(world)
    await worker.step(3)
    await worker.deliverer.commit()
    world.committed[FIRST] = (-7, "untouched")
    await worker.deliverer.commit()
    assert world.committed[FIRST] == (-7, "untouched")


async def test_bad_records_are_dead_lettered_before_the_rest_is_sent_and_their_places_are_recorded() -> None:
    world = World([[GOOD, BAD, GOOD, BAD]])
    worker = joined(world)
    dead_before: list[int] = []
    on_send(worker, lambda batch: dead_before.append(len(world.dead)))
    await worker.step(4)
    assert dead_before == [2]
    assert offsets(world) == [[0, 2]]
    assert world.committed[FIRST] == (0, BatchRange(0, 3, frozenset({1, 3})).to_text())
    assert [(offset, reason) for _, offset, reason in world.dead] == [
        (1, Reason.SCHEMA_INVALID),
        (3, Reason.SCHEMA_INVALID),
    ]
    assert worker.deliverer.state.dead_lettered == 2


async def test_a_batch_of_bad_records_only_needs_no_sink_and_is_passed() -> None:
    world = World([[BAD] * 3])
    worker = joined(world)
    await worker.step(3)
    await worker.deliverer.commit()
    assert world.tokens == {}
    assert world.committed[FIRST] == (3, "")


async def test_one_refused_record_among_many_is_found_and_only_it_is_dead_lettered() -> None:
    world = World([[GOOD] * 600 + [REFUSED] + [GOOD] * 399])
    worker = joined(world, batch_records=1_000)
    sends: list[str] = []
    on_send(worker, lambda batch: sends.append(batch.token))
    await worker.step(1_000)
    assert world.dead == [(FIRST, 600, Reason.STORE_REJECTED)]
    assert set(world.delivered) == world.places(GOOD)
    # Bisection: one path down a tree of 1,000, and its siblings (faults.md F27).
    assert len(sends) <= 2 * 10 + 1


async def test_while_a_batch_is_halved_the_half_being_sent_is_what_is_recorded() -> None:
    world = World([[GOOD, GOOD, GOOD, REFUSED]])
    worker = joined(world)
    recorded: list[str] = []
    on_send(worker, lambda batch: recorded.append(world.committed[FIRST][1]))
    await worker.step(4)
    assert recorded == [BatchRange(*bounds).to_text() for bounds in [(0, 3), (0, 1), (2, 3), (2, 2), (3, 3)]]


async def test_a_lost_answer_is_repeated_under_the_same_token() -> None:
    # Take over, commit the range (two awaits), send, lose the answer.
    world = World([[GOOD] * 3], schedule=[0, 0, 0, 0, Event.FAILURE])
    worker = joined(world)
    sends: list[str] = []
    on_send(worker, lambda batch: sends.append(batch.token))
    await worker.step(3)
    assert len(sends) == 2
    assert len(set(sends)) == 1
    assert offsets(world) == [[0, 1, 2]]


async def test_a_restarted_worker_forms_the_same_batch_with_other_limits_and_in_other_chunks() -> None:
    world = World([[GOOD] * 9], schedule=[0, 0, 0, 0, Event.CRASH])
    worker = joined(world, batch_records=6)
    with pytest.raises(BaseExceptionGroup) as caught:
        await worker.step(6)
    assert caught.group_contains(Crash)
    assert offsets(world) == [[0, 1, 2, 3, 4, 5]]
    restarted = joined(world, batch_records=2)
    for _ in range(9):
        await restarted.step(1)
    assert offsets(world) == [[0, 1, 2, 3, 4, 5], [6], [7], [8]]


async def test_what_was_excluded_before_a_crash_stays_out_whatever_the_processor_says_now() -> None:
    world = World([[GOOD, BAD, GOOD]], schedule=[0, 0, 0, 0, 0, Event.CRASH])
    worker = joined(world)
    with pytest.raises(BaseExceptionGroup):
        await worker.step(3)
    assert world.committed[FIRST][1] == BatchRange(0, 2, frozenset({1})).to_text()
    world.partitions[0][1] = GOOD
    restarted = joined(world)
    await restarted.step(3)
    assert offsets(world) == [[0, 2]]
    assert len(world.dead) == 1


async def test_a_worker_that_lost_its_partition_sends_and_commits_nothing_more() -> None:
    world = World([[GOOD] * 4])
    former = joined(world)
    read = world.read(FIRST, 0, 4)
    owner = joined(world)
    await former.deliverer.deliver(read, former.joined_generation)
    await former.deliverer.commit()
    assert world.tokens == {}
    assert world.committed == {}
    await owner.step(4)
    assert offsets(world) == [[0, 1, 2, 3]]


async def test_a_rebalance_in_the_middle_leaves_the_batch_to_the_next_owner_and_the_worker_may_come_back() -> None:
    world = World([[GOOD] * 4], schedule=[0, Event.REBALANCE])
    worker = joined(world)
    await worker.step(4)
    assert world.tokens == {}
    worker.join()
    await worker.step(4)
    await worker.deliverer.commit()
    assert offsets(world) == [[0, 1, 2, 3]]
    assert world.committed[FIRST] == (4, "")


async def test_records_lost_on_their_way_are_read_again() -> None:
    world = World([[GOOD] * 6])
    worker = joined(world)
    await worker.step(2)
    await worker.step(4, losing=2)
    assert worker.positions[FIRST] == 2
    await worker.step(4)
    assert [offset for places in offsets(world) for offset in places] == list(range(6))


async def test_a_cancelled_delivery_is_taken_up_again_in_the_same_generation() -> None:
    world = World([[GOOD] * 4])
    worker = joined(world)
    reached = asyncio.Event()

    async def never(batch: SinkBatch) -> None:
        reached.set()
        await asyncio.Event().wait()

    send, worker.deliverer.sink.send = worker.deliverer.sink.send, never  # type: ignore[method-assign]  # The test's own.
    delivery = asyncio.create_task(worker.step(4))
    await reached.wait()
    delivery.cancel()
    await asyncio.gather(delivery, return_exceptions=True)
    worker.deliverer.sink.send = send  # type: ignore[method-assign]  # As before.
    world.partitions[0].append(GOOD)
    await worker.step(1)
    assert worker.positions[FIRST] == 0, "the records that the cancelled delivery held are read again"
    await worker.finish()
    assert offsets(world) == [[0, 1, 2, 3], [4]]


async def test_one_partitions_fault_is_shown_while_it_lasts() -> None:
    world = World([[GOOD]], schedule=[0, 0, 0, Event.FAILURE])
    worker = joined(world)
    shown: list[str] = []
    on_send(worker, lambda batch: shown.append(worker.deliverer.state.fault))
    await worker.step(1)
    assert shown == ["", "the sink is away"]
    assert worker.deliverer.state.fault == ""


async def test_a_sink_that_takes_one_at_a_time_gets_one_at_a_time() -> None:
    world = World([[GOOD] * 3])
    await joined(world, sink_records=1).step(3)
    assert offsets(world) == [[0], [1], [2]]


async def test_an_error_that_nobody_knows_ends_the_process() -> None:
    world = World([[GOOD]])
    worker = joined(world)

    def break_down(batch: SinkBatch) -> None:
        raise LineageHubError("nobody knows what this means")

    on_send(worker, break_down)
    with pytest.raises(ExceptionGroup) as caught:
        await worker.step(1)
    assert caught.group_contains(LineageHubError, match="nobody knows")
    assert world.tokens == {}


async def test_a_sink_that_fails_too_long_ends_the_process() -> None:
    world = World([[GOOD]])
    worker = joined(world)
    object.__setattr__(worker.deliverer.limits, "stuck_after_seconds", -1.0)

    def fail(batch: SinkBatch) -> None:
        raise Retryable("away")

    on_send(worker, fail)
    with pytest.raises(ExceptionGroup) as caught:
        await worker.step(1)
    assert caught.group_contains(Stuck)


async def test_a_record_on_which_the_processor_fails_is_dead_lettered_and_does_not_stop_the_rest() -> None:
    world = World([[GOOD, BROKEN, GOOD]])
    await joined(world).step(3)
    assert world.dead == [(FIRST, 1, Reason.INTERNAL_ERROR)]
    assert offsets(world) == [[0, 2]]


async def test_a_processor_that_fails_on_everything_ends_the_process_instead_of_emptying_the_topic() -> None:
    world = World([[BROKEN] * MAXIMUM_IN_A_ROW * 3])
    with pytest.raises(ExceptionGroup) as caught:
        await joined(world, batch_records=1_000).step(1_000)
    assert caught.group_contains(Stuck)
    assert len(world.dead) == MAXIMUM_IN_A_ROW
    assert world.committed.get(FIRST) is None


async def test_a_sink_that_refuses_everything_of_everyone_is_waited_for() -> None:
    world = World([[GOOD] * MAXIMUM_IN_A_ROW * 2])
    worker = joined(world, batch_records=50)
    waited = 0

    def refuse_until_mended(batch: SinkBatch) -> None:
        nonlocal waited
        waited += bool(worker.deliverer.state.fault)
        if waited < 5:
            raise Permanent(Reason.STORE_REJECTED, "a view is missing")

    worker.deliverer._refusals.note("another tenant")
    on_send(worker, refuse_until_mended)
    await worker.finish()
    assert len(world.dead) == MAXIMUM_IN_A_ROW - 1
    assert len(world.delivered) == MAXIMUM_IN_A_ROW + 1


async def test_one_tenants_garbage_is_dead_lettered_however_much_it_is() -> None:
    world = World([[BAD] * MAXIMUM_IN_A_ROW * 2 + [REFUSED] * MAXIMUM_IN_A_ROW * 2 + [GOOD]])
    worker = joined(world)
    await worker.finish()
    assert len(world.dead) == MAXIMUM_IN_A_ROW * 4
    assert set(world.delivered) == world.places(GOOD)


async def test_partitions_go_side_by_side() -> None:
    world = World([[GOOD], [GOOD]])
    worker = joined(world)
    both = asyncio.Barrier(2)
    send = worker.deliverer.sink.send

    async def meet(batch: SinkBatch) -> None:
        await both.wait()
        await send(batch)

    worker.deliverer.sink.send = meet  # type: ignore[method-assign]  # The sink is the test's own.
    await worker.step(1)
    assert len(world.tokens) == 2


async def test_what_is_over_quota_is_diverted_side_by_side_so_that_nobody_else_in_the_batch_waits_for_each() -> None:
    world = World([[OVER] * 10])
    worker = joined(world)
    assert worker.deliverer.metering is not None
    divert, together = worker.deliverer.metering.divert, asyncio.Barrier(5)

    async def divert_with_the_others(left: LeftOut) -> None:
        await together.wait()
        await divert(left)

    worker.deliverer.metering.divert = divert_with_the_others  # type: ignore[method-assign]  # The metering is the test's own.
    async with asyncio.timeout(10):
        await worker.step(10)
    assert len(world.diverted) == 5
