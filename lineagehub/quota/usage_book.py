"""The usage book: the topic `lineagehub-usage` in memory, and the questions asked of it. Fed by a CompactedView in web and agents.

A total only grows. So of two totals under one key the larger is in force, whichever stands later: a quota agent that lost its partition
and does not know yet writes what it knew, which is less.
"""

from __future__ import annotations

import sys

import structlog

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import CountedTo, Counts, UsageTotal, decode_total, usage_key
from lineagehub.quota.packed_totals import TotalPacker

log = structlog.get_logger(__name__)

REMEMBERED_DAYS = 2
"""Around midnight two days are asked about, one after the other."""


class UsageBook:
    """Totals by namespace, day and signal. All methods are in-memory and immediate."""

    def __init__(self) -> None:
        self._days: dict[str, dict[Signal, dict[str, bytes]]] = {}
        self._counted: dict[str, dict[str, CountedTo]] = {}
        self._used: dict[str, dict[str, int]] = {}
        self._packer = TotalPacker()

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
        held = self._held(total.namespace, total.day, total.signal)
        if held is not None and held.counts.extent > total.counts.extent:
            return False
        self.put(total)
        return True

    def put(self, total: UsageTotal) -> None:
        """Let a total be in force."""
        namespace = sys.intern(total.namespace)
        of_signal = self._days.setdefault(total.day, {}).setdefault(total.signal, {})
        of_signal[namespace] = self._packer.pack(total)
        self._used.get(total.day, {}).pop(namespace, None)
        of_namespace = self._counted.setdefault(namespace, {})
        for place, counted in total.counted.items():
            known = of_namespace.get(place)
            if known is None or (counted.first_at, counted.last) > (known.first_at, known.last):
                of_namespace[sys.intern(place)] = counted

    def total(self, key: bytes) -> UsageTotal | None:
        """Return the total under a key of the topic."""
        namespace, day, signal = _parts_of(key)
        return self._held(namespace, day, signal)

    @property
    def days(self) -> list[str]:
        """The days that anything is known of."""
        return list(self._days)

    def keys_of(self, day: str) -> list[bytes]:
        """Return the keys of a day's totals."""
        of_day = self._days.get(day, {})
        return [usage_key(namespace, day, signal) for signal, totals in of_day.items() for namespace in totals]

    def of_day(self, namespace: str, day: str) -> dict[Signal, UsageTotal]:
        """Return the totals of a namespace's day, by signal."""
        held = {signal: self._held(namespace, day, signal) for signal in self._days.get(day, {})}
        return {signal: total for signal, total in held.items() if total is not None}

    def namespaces_of(self, day: str) -> list[str]:
        """Return the namespaces that have sent anything on a day."""
        return list(dict.fromkeys(namespace for totals in self._days.get(day, {}).values() for namespace in totals))

    def used(self, namespace: str, day: str) -> int:
        """Return how many events are charged to a namespace on a day. Asked several times for each request, so it is remembered."""
        of_day = self._used.get(day)
        if of_day is None:
            of_day = self._used[day] = {}
            if len(self._used) > REMEMBERED_DAYS:
                del self._used[min(self._used)]
        used = of_day.get(namespace)
        if used is None:
            used = of_day[namespace] = self.counts(namespace, day).charged
        return used

    def counts(self, namespace: str, day: str) -> Counts:
        """Return the counts of a namespace's day, all signals together."""
        return sum((total.counts for total in self.of_day(namespace, day).values()), Counts())

    def counted_to(self, namespace: str, place: str) -> int:
        """Return the last offset of a partition (`topic:partition`) that is counted of a namespace, or -1."""
        counted = self._counted.get(namespace, {}).get(place)
        return counted.last if counted is not None else -1

    def _held(self, namespace: str, day: str, signal: Signal) -> UsageTotal | None:
        packed = self._days.get(day, {}).get(signal, {}).get(namespace)
        return self._packer.unpack(packed, namespace, day, signal) if packed is not None else None

    def _forget(self, key: bytes) -> None:
        try:
            namespace, day, signal = _parts_of(key)
        except ValueError:
            return
        signals = self._days.get(day, {})
        totals = signals.get(signal, {})
        self._used.get(day, {}).pop(namespace, None)
        if totals.pop(namespace, None) is not None and not totals:
            del signals[signal]
            if not signals:
                del self._days[day]


def _parts_of(key: bytes) -> tuple[str, str, Signal]:
    namespace, day, signal = key.decode().split("|")
    return namespace, day, Signal(signal)
