"""A coroutine that has begun goes on as if a task had run it: its values, its waits, its errors and its cancellation."""

from __future__ import annotations

import asyncio

import pytest
from lineagehub_agents.eager import begin


async def test_a_coroutine_that_never_waits_has_ended_at_once() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    assert begin(work()) is None
    assert done == [1]


async def test_one_that_waits_goes_on_with_what_it_waited_for() -> None:
    first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    second: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await first + await second

    rest = begin(work())
    assert rest is not None
    waiting = asyncio.ensure_future(rest)
    first.set_result("a")
    second.set_result("b")
    assert await waiting == "ab"


async def test_errors_come_out_whether_before_or_after_the_first_wait() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def fail_at_once() -> None:
        raise ValueError("at once")

    async def fail_later() -> None:
        await gate

    with pytest.raises(ValueError, match="at once"):
        begin(fail_at_once())
    rest = begin(fail_later())
    assert rest is not None
    gate.set_exception(ValueError("later"))
    with pytest.raises(ValueError, match="later"):
        await rest


async def test_cancelling_it_reaches_the_coroutine() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ended: list[str] = []

    async def work() -> None:
        try:
            await gate
        finally:
            ended.append("cleaned up")

    rest = begin(work())
    assert rest is not None
    waiting = asyncio.ensure_future(rest)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["cleaned up"]
