"""Which quota alerts are due, and what they forecast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lineagehub_agents.alerts.quota import QuotaWatch, forecast

from lineagehub.contract.alerts import Alert
from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import Counts, UsageTotal, Verdict
from lineagehub.quota.usage_book import UsageBook

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LIMIT = 1_000


class Usage:
    """A watch, and the book that it looks into."""

    def __init__(self, limit: int | None = LIMIT) -> None:
        self.book = UsageBook()
        self.watch = QuotaWatch(self.book, lambda _: limit)

    def is_now(self, used: int, signal: Signal = Signal.LINEAGE, day: str = "2026-01-31") -> None:
        """Let the namespace have used so many events; a tenth of them are dead letters, and as many again are repeats."""
        counts = Counts(stored=used - used // 10, dead_lettered=used // 10, duplicate=used)
        self.book.put(UsageTotal("analytics", day, signal, counts, {}, 0, LIMIT, Verdict.WITHIN))

    def due(self, at: datetime = NOON) -> list[Alert]:
        """Return what is due."""
        return list(self.watch.due(at))


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, None), (799, None), (800, "80"), (949, "80"), (950, "95"), (999, "95"), (1_000, "100"), (5_000, "100")],
)
def test_the_highest_level_that_is_reached_is_due(used: int, level: str | None) -> None:
    usage = Usage()
    usage.is_now(used)
    assert [alert.level for alert in usage.due()] == ([level] if level else [])


def test_all_signals_of_the_day_count_together_and_no_other_day() -> None:
    usage = Usage()
    usage.is_now(500)
    usage.is_now(5_000, day="2026-01-30")
    assert usage.due() == []
    usage.is_now(310, Signal.TRACES)
    (alert,) = usage.due()
    assert (alert.period, alert.figures["used"], alert.figures["limit"]) == ("2026-01-31", 810, 1_000)
    assert usage.due(NOON + timedelta(days=1)) == []


@pytest.mark.parametrize("limit", [None, 0])
def test_a_namespace_that_is_not_there_and_a_quota_of_nothing_are_not_told_of(limit: int | None) -> None:
    usage = Usage(limit)
    usage.is_now(900)
    assert usage.due() == []


def test_the_forecast_goes_by_the_pace_of_the_last_half_hour() -> None:
    usage = Usage()
    # 1 an hour until noon, then 1 a minute.
    for minute in range(31):
        usage.is_now(780 + minute)
        alerts = usage.due(NOON + timedelta(minutes=minute))
    assert alerts[0].text.endswith("100 % at about 15:40 UTC.")
    assert alerts[0].figures["forecast_at"] == "2026-01-31T15:40:00+00:00"


def test_without_a_past_the_forecast_goes_by_the_day() -> None:
    usage = Usage()
    usage.is_now(800)
    assert "100 % at about 15:00 UTC." in usage.due()[0].text
    slow = Usage()
    slow.is_now(800)
    assert "lasts until 00:00 UTC" in slow.due(NOON + timedelta(hours=10))[0].text


def test_what_is_used_up_has_no_forecast() -> None:
    usage = Usage()
    usage.is_now(1_000)
    (alert,) = usage.due()
    assert "forecast_at" not in alert.figures
    assert "until 00:00 UTC" in alert.text


@pytest.mark.parametrize(
    ("pace", "expected"), [(0.0, None), (-1.0, None), (0.001, None), (1.0, NOON + timedelta(seconds=200))]
)
def test_a_forecast_is_of_today_or_none(pace: float, expected: datetime | None) -> None:
    assert forecast(800, LIMIT, pace, NOON) == expected
