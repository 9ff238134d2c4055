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
        self._newest_day = 0
        self._recent: dict[int, set[int]] = {}
        self._settled: dict[int, array[int]] = {}

    def __contains__(self, number: int) -> bool:
        in_recent = any(number in numbers for numbers in self._recent.values())
        return in_recent or any(_holds(numbers, number) for numbers in self._settled.values())

    def add(self, number: int, at_ms: int) -> None:
        """Remember a number, as of a time. May be repeated."""
        day = at_ms // DAY_MS
        if day > self._newest_day:
            self._newest_day = day
            self._forget_before(day - DAYS)
        elif day < self._newest_day - DAYS:
            return
        recent = self._recent.setdefault(day, set())
        recent.add(number)
        if len(recent) >= RECENT:
            self._settle(day)

    def _forget_before(self, oldest_day: int) -> None:
        for day in [day for day in self._recent if day < self._newest_day]:
            self._settle(day)
        self._settled = {day: numbers for day, numbers in self._settled.items() if day >= oldest_day}

    def _settle(self, day: int) -> None:
        recent = self._recent.pop(day)
        recent.update(self._settled.get(day, ()))
        self._settled[day] = array("Q", sorted(recent))


def _holds(numbers: array[int], number: int) -> bool:
    at = bisect_left(numbers, number)
    return at < len(numbers) and numbers[at] == number
