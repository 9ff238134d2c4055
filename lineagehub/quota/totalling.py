"""Totalling: deltas added to totals, each once. Pure; the quota agent's sink does the reading and writing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import (
    CountedTo,
    UsageDelta,
    UsageTotal,
    date_of,
    is_kept,
    new_total,
    usage_key,
    verdict_of,
)
from lineagehub.quota.daily import DayLimit
from lineagehub.quota.usage_book import UsageBook


def add_deltas(
    book: UsageBook, deltas: Iterable[tuple[UsageDelta, DayLimit]], now_ms: int
) -> dict[bytes, UsageTotal | None]:
    """Return the totals that change, by key. Each delta comes with its namespace's limit; `now_ms`: since the epoch.

    A delta that is counted already changes nothing, nor does one of a day that is kept no more.
    """
    today = date_of(now_ms)
    changed: dict[bytes, UsageTotal | None] = {}
    for delta, limit in deltas:
        key = usage_key(delta.namespace, delta.day, delta.signal)
        total = changed.get(key) or book.total(key) or new_total(delta)
        if total.has_counted(delta) or not is_kept(delta.day, today):
            continue
        changed[key] = _added(total, delta, limit, book, changed, now_ms)
    return changed


def outdated(book: UsageBook, now_ms: int) -> list[bytes]:
    """Return the keys of totals whose day is kept no more."""
    today = date_of(now_ms)
    return [key for day in book.days if not is_kept(day, today) for key in book.keys_of(day)]


def _added(
    total: UsageTotal,
    delta: UsageDelta,
    limit: DayLimit,
    book: UsageBook,
    changed: dict[bytes, UsageTotal | None],
    now_ms: int,
) -> UsageTotal:
    counts = total.counts + delta.counts
    keys = [usage_key(total.namespace, total.day, signal) for signal in Signal if signal is not total.signal]
    others = [changed.get(key) or book.total(key) for key in keys]
    used = counts.charged + sum(other.counts.charged for other in others if other is not None)
    return msgspec.structs.replace(
        total,
        counts=counts,
        counted=total.counted | {delta.place: CountedTo(delta.last, delta.first_at)},
        as_of=now_ms,
        limit=limit.soft,
        verdict=verdict_of(used, limit.soft),
    )
