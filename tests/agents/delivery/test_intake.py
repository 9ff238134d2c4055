"""Intake: reading goes on while records are delivered, in order, within the limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lineagehub_agents.delivery.intake import FEW_RECORDS, Intake
from lineagehub_agents.delivery.records import Partition, Record

from tests.support.waiting import wait_until_async


class Delivery:
    """Delivers what it is let deliver, and keeps what it was given: offsets and generation."""

    def __init__(self) -> None:
        self.given: list[tuple[list[int], int]] = []
        self.may_end = asyncio.Semaphore(0)

    async def deliver(self, records: list[Record], generation: int) -> None:
        self.given.append(([record.offset for record in records], generation))
        await self.may_end.acquire()


def records(*offsets: int, size: int = 1) -> list[Record]:
    return [Record(Partition("topic", 0), offset, 0, None, bytes(size), ()) for offset in offsets]


@contextlib.asynccontextmanager
async def running(intake: Intake) -> AsyncIterator[None]:
    task = asyncio.create_task(intake.deliver_for_ever())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def given(delivery: Delivery, count: int) -> None:
    async def are_given() -> bool:
        return len(delivery.given) == count

    await wait_until_async(are_given, 10, f"{count} deliveries")


async def test_what_is_read_during_a_delivery_is_delivered_together_next() -> None:
    delivery = Delivery()
    intake = Intake(delivery, 100, 100)
    async with running(intake):
        await intake.take_in(records(1), 1, backlog=False)
        await given(delivery, 1)
        await intake.take_in(records(2, 3), 1, backlog=False)
        await intake.take_in(records(4), 1, backlog=False)
        delivery.may_end.release()
        await given(delivery, 2)
    assert delivery.given == [([1], 1), ([2, 3, 4], 1)]


async def test_records_of_two_generations_are_never_delivered_together() -> None:
    delivery = Delivery()
    intake = Intake(delivery, 100, 100)
    await intake.take_in(records(1), 1, backlog=False)
    await intake.take_in(records(1, 2), 2, backlog=False)
    delivery.may_end.release()
    async with running(intake):
        await given(delivery, 2)
    assert delivery.given == [([1], 1), ([1, 2], 2)]


async def delivered_in(seconds: float, intake: Intake, delivery: Delivery, clock: list[float]) -> None:
    """Have the first record delivered, which takes so many seconds of the intake's clock."""
    await intake.take_in(records(1), 1, backlog=False)
    await given(delivery, 1)
    clock[0] += seconds
    delivery.may_end.release()


async def test_after_a_delivery_of_few_records_the_next_waits_for_more_in_proportion_to_what_it_took() -> None:
    delivery, clock = Delivery(), [100.0]
    intake = Intake(delivery, 100, 100, rest=3.0, clock=lambda: clock[0])
    async with running(intake):
        await delivered_in(0.1, intake, delivery, clock)
        for offset in (2, 3):
            await intake.take_in(records(offset), 1, backlog=False)
            for _ in range(10):
                await asyncio.sleep(0)
        await given(delivery, 2)
    assert delivery.given == [([1], 1), ([2, 3], 1)]


async def test_nobody_rests_while_there_is_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineagehub_agents.delivery.intake.LONGEST_REST_SECONDS", 3_600.0)
    delivery, clock = Delivery(), [100.0]
    intake = Intake(delivery, 10_000, 10_000, rest=3.0, clock=lambda: clock[0])
    many = [list(range(first, first + FEW_RECORDS)) for first in (2, 2 + FEW_RECORDS)]
    async with running(intake):
        await delivered_in(1_000.0, intake, delivery, clock)
        for offsets in many:
            await intake.take_in(records(*offsets), 1, backlog=False)
            await given(delivery, len(delivery.given) + 1)
            delivery.may_end.release()
    assert [offsets for offsets, _ in delivery.given] == [[1], *many], (
        "neither when many came meanwhile, nor after many"
    )


@pytest.mark.parametrize("last", [{"offsets": (3, 4), "backlog": True}, {"offsets": (3,), "backlog": False}])
async def test_out_of_a_backlog_a_batch_is_filled_until_it_is_full_or_the_backlog_is_over(last: dict[str, Any]) -> None:
    delivery = Delivery()
    intake = Intake(delivery, 4, 1_000, fill_seconds=60)
    async with running(intake):
        await intake.take_in(records(1, 2), 1, backlog=True)
        await asyncio.sleep(0)
        assert delivery.given == []
        await intake.take_in(records(*last["offsets"]), 1, backlog=last["backlog"])
        await given(delivery, 1)
    assert delivery.given == [([1, 2, *last["offsets"]], 1)]


async def test_it_waits_for_a_full_batch_no_longer_than_it_may() -> None:
    delivery = Delivery()
    intake = Intake(delivery, 4, 1_000, fill_seconds=0.01)
    async with running(intake):
        await intake.take_in(records(1), 1, backlog=True)
        await given(delivery, 1)
    assert delivery.given == [([1], 1)]


@pytest.mark.parametrize(("maximum_records", "maximum_bytes"), [(2, 1_000), (1_000, 20)])
async def test_reading_waits_while_it_is_full(maximum_records: int, maximum_bytes: int) -> None:
    delivery = Delivery()
    intake = Intake(delivery, maximum_records, maximum_bytes)
    await intake.take_in(records(1, 2, size=10), 1, backlog=False)
    more = asyncio.create_task(intake.take_in(records(3, size=10), 1, backlog=False))
    await asyncio.sleep(0)
    assert not more.done()
    async with running(intake):
        await more
        delivery.may_end.release()
        await given(delivery, 2)
    assert delivery.given == [([1, 2], 1), ([3], 1)]


async def test_what_delivery_raises_ends_it() -> None:
    class Failing:
        async def deliver(self, records: list[Record], generation: int) -> None:
            raise OSError("unknown")

    intake = Intake(Failing(), 100, 100)
    await intake.take_in(records(1), 1, backlog=False)
    with pytest.raises(OSError, match="unknown"):
        await intake.deliver_for_ever()
