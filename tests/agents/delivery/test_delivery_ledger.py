"""Nothing lost, nothing doubled: an id-level ledger over random crashes, rebalances, lost answers and bad records.

Each example is a world of a few partitions and a schedule that says what happens at each await of the code under test:
nothing, kill -9, a rebalance (the worker goes on as a zombie), a failure before or after the effect, a commit. At the end one worker
without faults delivers what is left; then every good record is in the sink exactly once, every bad one in the dead letters, and
every offset committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineagehub.contract.usage import encode
from lineagehub.errors import Retryable
from lineagehub.quota.daily import DayLimit
from lineagehub.quota.totalling import add_deltas
from lineagehub.quota.usage_book import UsageBook
from tests.support.delivery import BAD, BROKEN, GOOD, OVER, REFUSED, Crash, Event, Worker, World

kinds = st.sampled_from([GOOD] * 7 + [BAD, REFUSED, OVER, OVER, None])
partitions = st.lists(st.lists(kinds, max_size=14), min_size=1, max_size=3)
events = st.sampled_from([Event.NOTHING] * 6 + [Event.CRASH, Event.REBALANCE, Event.FAILURE, Event.COMMIT])
schedules = st.lists(events, max_size=60)
steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "read", "lose", "commit", "join", "join together", "crash"]), st.integers(1, 7)
    ),
    max_size=25,
)
batch_sizes = st.integers(1, 6)


async def run(
    world: World,
    script: list[tuple[str, int]],
    batch_size: int,
    directory: Path | None,
    judges_each: bool = False,
) -> None:
    """Let workers come and go as the script says, then let one deliver the rest."""

    def new_worker(size: int) -> Worker:
        return Worker(world, directory, batch_records=size, judges_each=judges_each)

    worker, zombie = new_worker(batch_size), new_worker(batch_size)
    worker.join()
    for action, number in script:
        try:
            if action == "read":
                await worker.step(number)
            elif action == "lose":
                await worker.step(number + 1, losing=1)
            elif action == "commit":
                with contextlib.suppress(Retryable):
                    await worker.deliverer.commit()
            elif action == "join":
                worker, zombie = new_worker(number), worker
                worker.join()
            elif action == "join together":
                worker.join(zombie)
                await zombie.step(number)
            else:
                raise Crash
        except* Crash:
            worker = new_worker(number)
            worker.join()
        with contextlib.suppress(Crash, BaseExceptionGroup):
            # What Kafka took from it no longer concerns it, but it does not know yet.
            await zombie.step(number)
    world.schedule = ()
    world.__post_init__()
    last = new_worker(batch_size)
    last.join()
    await last.finish()


def assert_ledger(world: World) -> None:
    delivered = world.delivered
    assert sorted(delivered) == sorted(set(delivered)), "doubled"
    assert set(delivered) | world.diverted == world.places(GOOD, OVER), "lost, or delivered in spite of its fault"
    assert not set(delivered) & world.diverted, "both stored and over quota"
    assert {(partition, offset) for partition, offset, _ in world.dead} == world.places(BAD, REFUSED, BROKEN)
    for partition in world.names:
        kinds_here = world.partitions[partition.number]
        last = max((offset for offset, kind in enumerate(kinds_here) if kind), default=-1)
        assert max(world.committed.get(partition, (0, ""))[0], 0) == last + 1
    assert_counted_once(world)


def assert_counted_once(world: World) -> None:
    """Add up the deltas as the quota agent does: what was written twice, or by a zombie, counts once."""
    book = UsageBook()
    limit = DayLimit(1_000, 1_000)
    for delta in world.deltas:
        for key, total in add_deltas(book, [(delta, limit)], delta.first_at).items():
            assert total is not None
            assert book.apply(key, encode(total))
    for day, offsets in (("2026-01-31", range(7)), ("2026-02-01", range(7, 100))):
        counts = book.counts("analytics", day)
        assert counts.stored == sum(offset in offsets for _, offset in world.delivered)
        assert counts.dead_lettered == sum(offset in offsets for _, offset in world.places(BAD, REFUSED))
        assert counts.over_quota == sum(offset in offsets for _, offset in world.diverted)
        assert counts.received == counts.stored + counts.dead_lettered + counts.over_quota


@given(partitions, schedules, steps, batch_sizes)
@settings(max_examples=400, deadline=None)
def test_with_ranges_in_the_offset_commits(
    logs: list[list[bytes | None]], schedule: list[Event], script: list[tuple[str, int]], size: int
) -> None:
    world = World(logs, schedule)
    asyncio.run(run(world, script, size, None))
    assert_ledger(world)


@given(partitions, schedules, steps, batch_sizes)
@settings(max_examples=150, deadline=None)
def test_with_a_sink_that_judges_record_by_record(
    logs: list[list[bytes | None]], schedule: list[Event], script: list[tuple[str, int]], size: int
) -> None:
    world = World(logs, schedule)
    asyncio.run(run(world, script, size, None, judges_each=True))
    assert_ledger(world)


@given(partitions, schedules, steps, batch_sizes)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_with_ranges_in_files_on_a_broker_that_drops_metadata(
    logs: list[list[bytes | None]], schedule: list[Event], script: list[tuple[str, int]], size: int
) -> None:
    world = World(logs, schedule, keeps_metadata=False)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(world, script, size, Path(directory)))
    assert_ledger(world)


@pytest.mark.parametrize("keeps_metadata", [True, False], ids=["commits", "files"])
def test_a_crash_at_every_single_await_of_a_run(keeps_metadata: bool, tmp_path: Path) -> None:
    log: list[bytes | None] = [GOOD, GOOD, BAD, GOOD, REFUSED, GOOD, None, GOOD]
    for place in range(200):
        world = World([list(log)], [Event.NOTHING] * place + [Event.CRASH], keeps_metadata)
        directory = None if keeps_metadata else tmp_path / str(place)
        asyncio.run(run(world, [("read", 3), ("commit", 1), ("read", 8), ("commit", 1)], 4, directory))
        assert_ledger(world)
        if next(world._events) != 0:
            return


def test_the_ledger_would_see_a_loss_and_a_doubling() -> None:
    world = World([[GOOD, GOOD]])
    asyncio.run(run(world, [], 4, None))
    assert_ledger(world)
    places = world.delivered
    world.tokens["again"] = places[:1]
    with pytest.raises(AssertionError, match="doubled"):
        assert_ledger(world)
    world.tokens.clear()
    with pytest.raises(AssertionError, match="lost"):
        assert_ledger(world)
