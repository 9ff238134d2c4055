"""The ids of the last days, 8 bytes each: a week at the 40 events/s that Marquez takes is 24 million, 200 MB. Used by forwarded.py.

An id is a 64-bit hash: among 24 million, a new one is taken for a known one once in 10^12.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left

DAY_MS = 86_400_000
DAYS = 7
RECENT = 65_536
"""Ids that wait in a set before they are sorted into their day's array."""


def hash_of(key: bytes) -> int:
    """Return the id under which a key is remembered."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())


class IdWindow:
    """A set of 64-bit numbers that forgets those older than seven days, a whole day at a time."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._newest_day = 0
        self._days: dict[int, array[int]] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._recent or any(_holds(numbers, number) for numbers in self._days.values())

    def add(self, number: int, at_ms: int) -> None:
        """Remember a number. May be repeated."""
        if number in self:
            return
        day = at_ms // DAY_MS
        if day > self._newest_day:
            self._settle()
            self._newest_day = day
            self._days = {kept: numbers for kept, numbers in self._days.items() if kept >= day - DAYS}
        self._recent.add(number)
        if len(self._recent) >= RECENT:
            self._settle()

    def _settle(self) -> None:
        if self._recent:
            known = self._days.get(self._newest_day, array("Q"))
            self._days[self._newest_day] = array("Q", sorted([*known, *self._recent]))
            self._recent = set()


def _holds(numbers: array[int], number: int) -> bool:
    at = bisect_left(numbers, number)
    return at < len(numbers) and numbers[at] == number
