"""The daily quota, decided from memory: the always-split rule (quotas.md: 8 events over a million at 5,000/s, where feedback alone is 1 %).

What a process has let in and does not see counted yet, it counts itself; of what is left by the totals it takes its share, one of as many
as there are replicas. So all of them together stay below the limit however late the totals are. Where nothing is known of usage, all
is let in: a quota is no reason to refuse data. An agent judges after the webs have let in, so it knows of that, too (`note_let_in`).
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lineagehub.contract.control import LimitsRecord
from lineagehub.contract.heartbeats import LetIn
from lineagehub.contract.limits import DEFAULT_LIMITS
from lineagehub.quota.usage_book import UsageBook

JOINED_SECONDS = 0.25
"""What is written to a partition within so long is one entry, so that what waits to be counted stays small while nobody counts."""

TOLD_ENTRIES = 8
"""What stands on a partition is told in so many entries at most, however long nobody counts it."""


@dataclass(frozen=True, slots=True)
class DayLimit:
    """A namespace's events a day: `soft` is what it is told, `hard` what it is held to; the difference is grace."""

    soft: int
    hard: int


def day_limit(record: LimitsRecord | None) -> DayLimit:
    """Return the daily limit in force, of the namespace's own limits or the defaults."""
    events, grace = DEFAULT_LIMITS.events_per_day or 0, DEFAULT_LIMITS.grace_percent or 0
    if record is not None:
        events = events if record.limits.events_per_day is None else record.limits.events_per_day
        grace = grace if record.limits.grace_percent is None else record.limits.grace_percent
    return DayLimit(events, events + events * grace // 100)


@dataclass(slots=True)
class _Written:
    offset: int
    day: str
    events: int
    began: float


class DailyQuota:
    """What a process may still let in, by namespace and day. Used from one event loop; never waits."""

    def __init__(
        self,
        book: UsageBook,
        limit_of: Callable[[str], DayLimit],
        is_known: Callable[[], bool],
        replicas: Callable[[], int] = lambda: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit_of` gives a namespace's limit, `is_known` tells whether the book is whole, `replicas` how many processes decide.

        `clock`: monotonic seconds.
        """
        self.book = book
        self.limit_of = limit_of
        self.is_known = is_known
        self._replicas = replicas
        self._clock = clock
        self._written: dict[str, dict[str, deque[_Written]]] = defaultdict(lambda: defaultdict(deque))
        self._uncounted: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._let_in: dict[str, dict[str, list[LetIn]]] = {}

    def room(self, namespace: str, day: str) -> int | None:
        """Return how many more events this process may let in, which may be negative; None while nobody knows."""
        if not self.is_known():
            return None
        self._drop_counted(namespace)
        left = self.limit_of(namespace).hard - self.book.used(namespace, day) - self._let_in_by_others(namespace, day)
        return max(left, 0) // max(self._replicas(), 1) - self._uncounted.get((namespace, day), 0)

    def used(self, namespace: str, day: str) -> int:
        """Return how many events are charged, as far as this process knows."""
        self._drop_counted(namespace)
        return self.book.used(namespace, day) + self._uncounted.get((namespace, day), 0)

    def reserve(self, namespace: str, day: str, events: int) -> None:
        """Count events that are let in and not written yet; `release` when they are, or when they will not be."""
        self._uncounted[namespace, day] += events

    def release(self, namespace: str, day: str, events: int) -> None:
        """Undo `reserve`."""
        self._uncounted[namespace, day] -= events
        if not self._uncounted[namespace, day]:
            del self._uncounted[namespace, day]

    def note_written(self, namespace: str, day: str, place: str, offset: int, events: int) -> None:
        """Count events that stand at an offset of a partition (`topic:partition`), until the totals do."""
        if not events or offset <= self.book.counted_to(namespace, place):
            return
        now = self._clock()
        entries = self._written[namespace][place]
        self._uncounted[namespace, day] += events
        if entries and entries[-1].day == day and now - entries[-1].began < JOINED_SECONDS:
            entries[-1].offset = max(offset, entries[-1].offset)
            entries[-1].events += events
        else:
            entries.append(_Written(offset, day, events, now))

    def let_in(self) -> list[LetIn]:
        """Return what this process has written and does not see counted yet, of namespaces that have used half of their day."""
        told: list[LetIn] = []
        for namespace in list(self._written):
            self._drop_counted(namespace)
            half = self.limit_of(namespace).hard // 2
            for place, entries in self._written.get(namespace, {}).items():
                for day, of_day in itertools.groupby(entries, lambda entry: entry.day):
                    if self.used(namespace, day) >= half:
                        told += _joined(namespace, day, place, list(of_day))
        return told

    def note_let_in(self, replica: str, let_in: Sequence[LetIn]) -> None:
        """Take in what another process has let in, by its own last word. It counts until the totals have it, or this process."""
        by_namespace: dict[str, list[LetIn]] = {}
        for one in let_in:
            by_namespace.setdefault(one.namespace, []).append(one)
        self._let_in[replica] = by_namespace
        for other, told in list(self._let_in.items()):
            if not any(self._is_uncounted(one) for of_namespace in told.values() for one in of_namespace):
                del self._let_in[other]

    def _let_in_by_others(self, namespace: str, day: str) -> int:
        told = (one for by_namespace in self._let_in.values() for one in by_namespace.get(namespace, ()))
        return sum(one.events for one in told if one.day == day and self._is_uncounted(one))

    def _is_uncounted(self, one: LetIn) -> bool:
        own = self._written.get(one.namespace, {}).get(one.place)
        counted_to = self.book.counted_to(one.namespace, one.place)
        return one.offset > (max(counted_to, own[-1].offset) if own else counted_to)

    def _drop_counted(self, namespace: str) -> None:
        places = self._written.get(namespace)
        if not places:
            return
        for place, entries in list(places.items()):
            counted_to = self.book.counted_to(namespace, place)
            while entries and entries[0].offset <= counted_to:
                entry = entries.popleft()
                self.release(namespace, entry.day, entry.events)
            if not entries:
                del places[place]
        if not places:
            del self._written[namespace]


def _joined(namespace: str, day: str, place: str, entries: Sequence[_Written]) -> Iterator[LetIn]:
    size = -(-len(entries) // TOLD_ENTRIES)
    for start in range(0, len(entries), size):
        part = entries[start : start + size]
        offset = max(entry.offset for entry in part)
        yield LetIn(namespace, day, place, offset, sum(entry.events for entry in part))
