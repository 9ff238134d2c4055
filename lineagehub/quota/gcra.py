"""The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): one number for each rate, and no timer.

Called by whoever limits a rate. Never reads a clock: `now` is the caller's, of one monotonic clock.
"""

from __future__ import annotations

import math


class Gcra:
    """Takes `rate_per_second` over time, and up to `burst` at once after a rest."""

    __slots__ = ("_empty_at", "_seconds_each", "_tolerance_seconds")

    def __init__(self, rate_per_second: float, burst: int) -> None:
        self._seconds_each = 1 / rate_per_second
        self._tolerance_seconds = burst * self._seconds_each
        self._empty_at = -math.inf

    def take(self, cost: int, now: float) -> float:
        """Take `cost` at `now`, in seconds, and return 0.0; or take nothing and return the seconds to wait.

        What is more than the burst is never taken: infinity.
        """
        needed = cost * self._seconds_each
        if needed > self._tolerance_seconds:
            return math.inf
        empty_at = max(self._empty_at, now) + needed
        wait = empty_at - self._tolerance_seconds - now
        if wait > 0:
            return wait
        self._empty_at = empty_at
        return 0.0
