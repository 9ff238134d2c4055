"""Waiting on conditions with a deadline: the only place where a test sleeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

PAUSE_SECONDS = 0.05


def wait_until(condition: Callable[[], object], deadline_seconds: float, message: str) -> None:
    """Wait until `condition()` is true; fail with `message` at the deadline."""
    deadline = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {deadline_seconds:g} s for {message}")
        time.sleep(PAUSE_SECONDS)


async def wait_until_async(condition: Callable[[], Awaitable[object]], deadline_seconds: float, message: str) -> None:
    """Wait until `await condition()` is true; fail with `message` at the deadline."""
    deadline = time.monotonic() + deadline_seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {deadline_seconds:g} s for {message}")
        await asyncio.sleep(PAUSE_SECONDS)
