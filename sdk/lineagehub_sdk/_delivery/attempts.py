"""The attempts of a delivery to reach its other side, and when the next one may be: after a backoff, or when the hub said.

It has no lock of its own: the threads that ask it hold their delivery's.
"""

from __future__ import annotations

import os
import time

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0


class Attempts:
    """How many were made, and when to make the next."""

    def __init__(self) -> None:
        self.made = 0
        self.told_to_wait = False
        """Whether the other side said how long."""
        self._failures = 0
        self._next_at = 0.0

    def seconds_to_wait(self) -> float:
        """How long to wait; 0.0 if the next attempt may be now."""
        return max(0.0, self._next_at - time.monotonic())

    def hurry(self) -> None:
        """Somebody waits: no backoff any more, unless the other side said how long."""
        if not self.told_to_wait:
            self._next_at = 0.0

    def wait(self, seconds: float) -> None:
        """Make the next attempt so much later."""
        self._next_at = time.monotonic() + seconds

    def failed(self, retry_after: float | None) -> None:
        """The last attempt was in vain; `retry_after`: seconds that the other side asks for."""
        self.wait(pause_seconds(self._failures, retry_after))
        self.told_to_wait = retry_after is not None
        self.made += 1
        self._failures += 1

    def succeeded(self) -> None:
        """The other side has answered."""
        self.made += 1
        self._failures, self._next_at, self.told_to_wait = 0, 0.0, False


def pause_seconds(failures: int, retry_after: float | None) -> float:
    """Jittered, so that many pipelines do not come back at the same moment; never before the hub wants to be asked again."""
    # `random` would cost 4 ms of the import.
    fraction = int.from_bytes(os.urandom(4), "big") / (1 << 32)
    if retry_after is not None:
        return retry_after * (1 + fraction / 10)
    ceiling: float = min(FIRST_BACKOFF_SECONDS * 2 ** min(failures, 10), LONGEST_BACKOFF_SECONDS)
    return ceiling * (1 + fraction) / 2
