"""Retry in place: repeat what failed for a transient reason, with jittered exponential backoff, while the partition waits."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from lineagehub.errors import LineageHubError, Retryable

log = structlog.get_logger(__name__)

_jitter = random.SystemRandom()

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
"""ClickHouse asks for at least a second between tries when it has too many parts (faults.md F24); this grows past it in 3 tries."""


class Stuck(LineageHubError):
    """A transient fault has lasted too long: the process should exit and begin afresh."""


class AssignmentLost(LineageHubError):
    """The partition may belong to another worker by now: whoever holds it must send nothing more."""


async def retry_in_place(
    attempt: Callable[[], Awaitable[None]],
    still_ours: Callable[[], bool],
    on_failure: Callable[[Retryable], None],
    stuck_after_seconds: float,
) -> int:
    """Await `attempt()` until it succeeds; return the number of attempts made.

    Only Retryable is repeated, anything else is raised at once. `on_failure` is told of each failure. Raises AssignmentLost
    before a further attempt when `still_ours()` is false, and Stuck when failures have lasted `stuck_after_seconds`.
    """
    began = time.monotonic()
    delay = FIRST_DELAY_SECONDS
    attempts = 0
    while True:
        if not still_ours():
            raise AssignmentLost("The partition was taken away while its batch waited.")
        attempts += 1
        try:
            await attempt()
            return attempts
        except Retryable as error:
            on_failure(error)
            waited = time.monotonic() - began
            if waited > stuck_after_seconds:
                raise Stuck(f"The sink has failed for {waited:.0f} s: {error}") from error
            pause = max(_jitter.uniform(delay / 2, delay), error.retry_after_seconds or 0.0)
            log.warning(
                "The sink failed; trying again.", error=str(error), attempts=attempts, pause_seconds=round(pause, 2)
            )
            await asyncio.sleep(pause)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
