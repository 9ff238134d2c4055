"""Which quota alerts are due, and what they forecast."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from lineagehub_agents.alerts.quota import QuotaWatch, forecast
from lineagehub_agents.alerts.usage import UsageTotal, read_usage

from lineagehub.contract.alerts import Alert

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LIMIT = 1_000


def record(
    count: object, signal: str = "lineage", day: str = "2026-01-31", limit: int | None = None
) -> tuple[bytes, bytes]:
    value = {"namespace": "analytics", "day": day, "signal": signal, "count": count, "bytes": 1, "limit": limit}
    return f"analytics|{day}|{signal}".encode(), json.dumps(value).encode()


def due(watch: QuotaWatch, at: datetime = NOON) -> list[Alert]:
    return list(watch.due(at))


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, None), (799, None), (800, "80"), (949, "80"), (950, "95"), (999, "95"), (1_000, "100"), (5_000, "100")],
)
def test_the_highest_level_that_is_reached_is_due(used: int, level: str | None) -> None:
    watch = QuotaWatch(lambda _: LIMIT)
    watch.apply(*record(used))
    assert [alert.level for alert in due(watch)] == ([level] if level else [])


def test_all_signals_of_the_day_count_together_and_no_other_day() -> None:
    watch = QuotaWatch(lambda _: LIMIT)
    watch.apply(*record(500))
    watch.apply(*record(5_000, day="2026-01-30"))
    assert due(watch) == []
    watch.apply(*record(310, "traces"))
    (alert,) = due(watch)
    assert (alert.period, alert.figures["used"], alert.figures["limit"]) == ("2026-01-31", 810, 1_000)
    assert due(watch, NOON + timedelta(days=1)) == []


@pytest.mark.parametrize(("limit", "stated"), [(None, 1_000), (0, None)])
def test_a_namespace_that_is_not_there_and_a_quota_of_nothing_are_not_told_of(
    limit: int | None, stated: int | None
) -> None:
    watch = QuotaWatch(lambda _: limit)
    watch.apply(*record(900, limit=stated))
    assert due(watch) == []


def test_the_limit_of_the_record_goes_before_the_one_that_is_set() -> None:
    watch = QuotaWatch(lambda _: 1_000_000)
    watch.apply(*record(900, limit=1_000))
    assert due(watch)[0].figures["limit"] == 1_000


def test_the_forecast_goes_by_the_pace_of_the_last_half_hour() -> None:
    watch = QuotaWatch(lambda _: LIMIT)
    # 1 an hour until noon, then 1 a minute.
    for minute in range(31):
        watch.apply(*record(780 + minute))
        alerts = due(watch, NOON + timedelta(minutes=minute))
    assert alerts[0].text.endswith("100 % at about 15:40 UTC.")
    assert alerts[0].figures["forecast_at"] == "2026-01-31T15:40:00+00:00"


def test_without_a_past_the_forecast_goes_by_the_day() -> None:
    watch = QuotaWatch(lambda _: LIMIT)
    watch.apply(*record(800))
    assert "100 % at about 15:00 UTC." in due(watch)[0].text
    slow = QuotaWatch(lambda _: LIMIT)
    slow.apply(*record(800))
    assert "lasts until 00:00 UTC" in due(slow, NOON + timedelta(hours=10))[0].text


def test_what_is_used_up_has_no_forecast() -> None:
    watch = QuotaWatch(lambda _: LIMIT)
    watch.apply(*record(1_000))
    (alert,) = due(watch)
    assert "forecast_at" not in alert.figures
    assert "until 00:00 UTC" in alert.text


@pytest.mark.parametrize(
    ("pace", "expected"), [(0.0, None), (-1.0, None), (0.001, None), (1.0, NOON + timedelta(seconds=200))]
)
def test_a_forecast_is_of_today_or_none(pace: float, expected: datetime | None) -> None:
    assert forecast(800, LIMIT, pace, NOON) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"analytics|2026-01-31|lineage", b"not json"),
        (b"analytics|2026-01-31|lineage", b"[]"),
        (b"analytics|2026-01-31|lineage", b'{"count": "7"}'),
        (b"analytics|2026-01-31|lineage", b'{"count": true}'),
        (b"analytics|2026-01-31|lineage", b'{"count": -1}'),
        (b"analytics|2026-01-31", b'{"count": 7}'),
        (b"analytics|yesterday|lineage", b'{"count": 7}'),
        (b"_operator|2026-01-31|lineage", b'{"count": 7}'),
        (b"\xff|2026-01-31|lineage", b'{"count": 7}'),
    ],
)
def test_what_is_no_usage_is_passed_over(key: bytes, value: bytes) -> None:
    assert read_usage(key, value) is None


def test_usage_is_read_as_the_contracts_example_has_it() -> None:
    key, value = record(48_211)
    assert read_usage(key, value) == UsageTotal("analytics", NOON.date(), "lineage", 48_211, None)
