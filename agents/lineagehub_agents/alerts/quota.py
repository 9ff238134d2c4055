"""Which quota alerts are due: at 80, 95 and 100 % of a namespace's events of the UTC day, with a forecast. Sends and remembers nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.quota.usage_book import UsageBook

LEVELS = (80, 95, 100)
PACE = timedelta(minutes=30)
"""The forecast goes by the pace of this time; with less than a third of it known, by that of the whole day."""
SAMPLE = timedelta(minutes=1)

_ROUND_TO = timedelta(minutes=5)


class QuotaWatch:
    """Looks into the book. `limit_of` gives a namespace's events a day, None for a namespace that is not there."""

    def __init__(self, book: UsageBook, limit_of: Callable[[str], int | None]) -> None:
        self._book = book
        self._limit_of = limit_of
        self._samples: dict[str, deque[tuple[datetime, int]]] = {}

    def due(self, now: datetime) -> Iterator[Alert]:
        """Yield, for each namespace, the highest level that is reached today. Whether it was told of is not asked here."""
        today = now.astimezone(UTC).date().isoformat()
        for namespace in self._book.namespaces_of(today):
            used = self._book.used(namespace, today)
            pace = self._pace(namespace, used, now)
            limit = self._limit_of(namespace)
            reached = [level for level in LEVELS if limit and used * 100 >= limit * level]
            if limit and reached:
                yield _alert(namespace, reached[-1], used, limit, pace, now)

    def _pace(self, namespace: str, used: int, now: datetime) -> float:
        """Return events a second, of late; notes what is used now."""
        samples = self._samples.setdefault(namespace, deque())
        while samples and (samples[0][0] < now - PACE or samples[0][1] > used or samples[0][0].date() != now.date()):
            samples.popleft()
        if not samples or now - samples[-1][0] >= SAMPLE:
            samples.append((now, used))
        began, at_first = samples[0]
        if now - began < PACE / 3:
            began, at_first = _midnight(now), 0
        return (used - at_first) / max((now - began).total_seconds(), 1.0)


def forecast(used: int, limit: int, pace: float, now: datetime) -> datetime | None:
    """Return when the limit is reached at `pace` events a second, None if that is not before the next midnight (UTC)."""
    if pace <= 0:
        return None
    seconds = (limit - used) / pace
    next_midnight = _midnight(now) + timedelta(days=1)
    return now + timedelta(seconds=seconds) if seconds < (next_midnight - now).total_seconds() else None


def _alert(namespace: str, level: int, used: int, limit: int, pace: float, now: datetime) -> Alert:
    percent = used * 100 // limit
    text = f"{percent} % of today's quota is used: {used:,} of {limit:,} events."
    figures: dict[str, int | str] = {"used": used, "limit": limit, "percent": percent}
    if level == LEVELS[-1]:
        text += " Above it, and what the operator grants beyond, events are refused or set aside until 00:00 UTC."
    else:
        moment = forecast(used, limit, pace, now)
        if moment is None:
            text += " At the present pace it lasts until 00:00 UTC."
        else:
            figures["forecast_at"] = moment.isoformat(timespec="seconds")
            text += f" 100 % at about {_rounded(moment):%H:%M} UTC."
    day = now.astimezone(UTC).date()
    return Alert(
        namespace=namespace,
        kind=AlertKind.QUOTA,
        level=str(level),
        period=day.isoformat(),
        text=text,
        figures=figures,
        at=now,
    )


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _rounded(moment: datetime) -> datetime:
    """Return the moment to five minutes: a forecast is not more exact. Never later than it is, so as not to name tomorrow's midnight."""
    return moment - timedelta(seconds=(moment - _midnight(moment)).total_seconds() % _ROUND_TO.total_seconds())
