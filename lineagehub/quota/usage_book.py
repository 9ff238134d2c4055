"""The usage book: the topic `lineagehub-usage` in memory, and the questions asked of it. Fed by a CompactedView in web and agents.

A total only grows. So of two totals under one key the larger is in force, whichever stands later: a quota agent that lost its partition
and does not know yet writes what it knew, which is less.
"""

from __future__ import annotations

import structlog

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import CountedTo, Counts, UsageTotal, decode_total

log = structlog.get_logger(__name__)


class UsageBook:
    """Totals by namespace, day and signal. All methods are in-memory and immediate."""

    def __init__(self) -> None:
        self._totals: dict[bytes, UsageTotal] = {}
        self._days: dict[tuple[str, str], dict[Signal, UsageTotal]] = {}
        self._counted: dict[tuple[str, str], CountedTo] = {}

    def apply(self, key: bytes, value: bytes | None) -> bool:
        """Take in one record of the topic; return whether it is in force. A malformed one must not stop the rest."""
        if value is None:
            self._forget(key)
            return True
        try:
            total = decode_total(value)
        except ValueError as error:
            log.error("A usage total cannot be read; it is ignored.", key=repr(key), error=str(error))
            return False
        if total.key != key:
            log.error("A usage total stands under another's key; it is ignored.", key=repr(key))
            return False
        held = self._totals.get(key)
        if held is not None and held.counts.extent > total.counts.extent:
            return False
        self.put(total)
        return True

    def put(self, total: UsageTotal) -> None:
        """Let a total be in force."""
        self._totals[total.key] = total
        self._days.setdefault((total.namespace, total.day), {})[total.signal] = total
        for place, counted in total.counted.items():
            known = self._counted.get((total.namespace, place))
            if known is None or (counted.first_at, counted.last) > (known.first_at, known.last):
                self._counted[total.namespace, place] = counted

    def total(self, key: bytes) -> UsageTotal | None:
        """Return the total under a key of the topic."""
        return self._totals.get(key)

    @property
    def all_keys(self) -> list[bytes]:
        """The keys of all totals."""
        return list(self._totals)

    def of_day(self, namespace: str, day: str) -> dict[Signal, UsageTotal]:
        """Return the totals of a namespace's day, by signal."""
        return self._days.get((namespace, day), {})

    def namespaces_of(self, day: str) -> list[str]:
        """Return the namespaces that have sent anything on a day."""
        return [namespace for namespace, of_day in self._days if of_day == day]

    def used(self, namespace: str, day: str) -> int:
        """Return how many events are charged to a namespace on a day."""
        return sum(total.counts.charged for total in self.of_day(namespace, day).values())

    def counts(self, namespace: str, day: str) -> Counts:
        """Return the counts of a namespace's day, all signals together."""
        return sum((total.counts for total in self.of_day(namespace, day).values()), Counts())

    def counted_to(self, namespace: str, place: str) -> int:
        """Return the last offset of a partition (`topic:partition`) that is counted of a namespace, or -1."""
        counted = self._counted.get((namespace, place))
        return counted.last if counted is not None else -1

    def _forget(self, key: bytes) -> None:
        total = self._totals.pop(key, None)
        if total is not None:
            signals = self._days[total.namespace, total.day]
            del signals[total.signal]
            if not signals:
                del self._days[total.namespace, total.day]
