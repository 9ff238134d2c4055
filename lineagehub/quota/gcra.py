"""GCRA, the generic cell rate algorithm: a token bucket that is one number, the time until it is full again.

Used by rate_limiter.py. Takes the moment from its caller and asks no clock.
"""

from __future__ import annotations

import math

ROUNDING_SECONDS = 1e-7
"""A wait below it is none, so that a rate is kept to the event: after years of uptime a clock in floats resolves no more."""


class Gcra:
    """One bucket: `rate_per_second` flows in, `burst` is what it holds; full at first. `now` is of one monotonic clock, in seconds."""

    __slots__ = ("_filling", "_since", "burst", "rate_per_second")

    def __init__(self, rate_per_second: float, burst: int) -> None:
        self.rate_per_second = rate_per_second
        self.burst = burst
        # The seconds that it takes to be full, and from when on: small numbers, where a moment would lose digits with each event.
        self._filling = 0.0
        self._since = 0.0

    def take(self, cost: int, now: float) -> float:
        """Take `cost` and return 0.0; or take nothing and return the seconds to wait (for ever at rate 0)."""
        wait = self.wait(cost, now)
        if wait == 0.0:
            self.spend(cost, now)
        return wait

    def spend(self, cost: int, now: float) -> None:
        """Take `cost`, for which `wait` has just returned 0.0."""
        if cost:
            filling = self._filling - (now - self._since)
            self._filling = (filling if filling > 0.0 else 0.0) + cost / self.rate_per_second
            self._since = now

    def wait(self, cost: int, now: float) -> float:
        """Return the seconds after which `cost` can be taken, 0.0 if that is now. A cost above the burst never can: see to it first."""
        if not cost:
            return 0.0
        if self.rate_per_second <= 0:
            return math.inf
        filling = self._filling - (now - self._since)
        wait = (filling if filling > 0.0 else 0.0) + (cost - self.burst) / self.rate_per_second
        return wait if wait > ROUNDING_SECONDS else 0.0

    def remaining(self, now: float) -> float:
        """Return how much can be taken at once."""
        if self.rate_per_second <= 0:
            return 0.0
        return max(0.0, self.burst - self.seconds_until_full(now) * self.rate_per_second)

    def seconds_until_full(self, now: float) -> float:
        """Return the seconds until the whole burst can be taken, if nothing is taken before."""
        return max(0.0, self._filling - (now - self._since))

    def change(self, rate_per_second: float, burst: int, now: float) -> None:
        """Go on with another rate and burst. What is taken stays so; what a smaller burst could not hold is forgiven."""
        taken = min(self.seconds_until_full(now) * self.rate_per_second, burst)
        self.rate_per_second, self.burst = rate_per_second, burst
        self._filling = taken / rate_per_second if rate_per_second > 0 else 0.0
        self._since = now
