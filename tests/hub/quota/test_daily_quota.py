"""The daily quota: what is let in, whatever the totals know by now."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

import pytest

from lineagehub.contract.control import LimitsRecord
from lineagehub.contract.heartbeats import LetIn
from lineagehub.contract.limits import DEFAULT_LIMITS, Limits
from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import (
    CountedTo,
    Counts,
    UsageDelta,
    UsageTotal,
    Verdict,
    day_of,
    decode_total,
    encode,
    verdict_of,
)
from lineagehub.quota.daily import DailyQuota, DayLimit, day_limit
from lineagehub.quota.totalling import add_deltas, outdated
from lineagehub.quota.usage_book import UsageBook

DAY = "2026-01-31"
LIMIT = DayLimit(1_000, 1_000)
NOON_MS = 1_769_860_800_000


def total(stored: int, last: int, signal: Signal = Signal.LINEAGE, day: str = DAY) -> UsageTotal:
    """Return a total of `analytics`, counted to `last` of partition 0."""
    counted = {"events:0": CountedTo(last, NOON_MS)}
    return UsageTotal("analytics", day, signal, Counts(stored=stored), counted, NOON_MS, 1_000, Verdict.WITHIN)


def delta(first: int, last: int, stored: int = 1, first_at: int = NOON_MS, day: str = DAY) -> UsageDelta:
    """Return what a batch of partition 0 held."""
    counts = Counts(stored=stored, bytes=10 * stored)
    return UsageDelta("analytics", day, Signal.LINEAGE, "events", 0, first, last, first_at, counts)


def quota_of(
    book: UsageBook, replicas: int = 1, limit: DayLimit = LIMIT, clock: Callable[[], float] = lambda: 0.0
) -> DailyQuota:
    """Return the quota of one process."""
    return DailyQuota(book, lambda _: limit, lambda: True, lambda: replicas, clock)


def add(book: UsageBook, *deltas: UsageDelta, now_ms: int = NOON_MS) -> dict[bytes, UsageTotal | None]:
    """Add deltas to the totals, as the quota agent does."""
    changed = add_deltas(book, [(one, LIMIT) for one in deltas], now_ms)
    for key, value in changed.items():
        assert value is not None
        book.apply(key, encode(value))
    return changed


def test_an_unknown_usage_lets_everything_in() -> None:
    quota = DailyQuota(UsageBook(), lambda _: DayLimit(0, 0), lambda: False)
    assert quota.room("analytics", DAY) is None


def test_what_is_let_in_counts_until_the_totals_count_it_and_never_twice() -> None:
    book = UsageBook()
    quota = quota_of(book)
    quota.reserve("analytics", DAY, 300)
    assert quota.room("analytics", DAY) == 700
    quota.note_written("analytics", DAY, "events:0", 9, 300)
    quota.release("analytics", DAY, 300)
    assert (quota.room("analytics", DAY), quota.used("analytics", DAY)) == (700, 300)
    book.put(total(300, last=9))
    assert (quota.room("analytics", DAY), quota.used("analytics", DAY)) == (700, 300)


def test_what_was_counted_before_it_was_acknowledged_is_not_counted_again() -> None:
    book = UsageBook()
    book.put(total(300, last=9))
    quota = quota_of(book)
    quota.note_written("analytics", DAY, "events:0", 9, 300)
    assert quota.room("analytics", DAY) == 700


def test_all_signals_share_the_limit_and_each_day_and_namespace_has_its_own() -> None:
    book = UsageBook()
    book.put(total(600, 9))
    book.put(total(399, 9, Signal.TRACES))
    quota = quota_of(book)
    assert quota.room("analytics", DAY) == 1
    assert quota.room("analytics", "2026-02-01") == 1_000
    assert quota.room("finance", DAY) == 1_000


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), DayLimit(DEFAULT_LIMITS.events_per_day or 0, DEFAULT_LIMITS.events_per_day or 0)),
        (Limits(events_per_day=200, grace_percent=10), DayLimit(200, 220)),
        (Limits(events_per_day=0, grace_percent=20), DayLimit(0, 0)),
    ],
)
def test_grace_is_let_in_above_the_limit_that_is_told(limits: Limits, expected: DayLimit) -> None:
    record = LimitsRecord(
        revision=1,
        namespace="analytics",
        namespace_id="7f0c0f6e-3d0c-4a70-9d8c-3d3f2f9b5b11",
        limits=limits,
        updated_at="2026-01-31T12:00:00Z",
    )
    assert day_limit(record) == expected


@pytest.mark.parametrize(("replicas", "skewed"), [(1, False), (3, False), (8, False), (3, True)])
def test_replicas_together_stay_at_the_limit_however_late_the_totals_are(replicas: int, skewed: bool) -> None:
    """1,000 events/s, a tick each, and totals that are 2 s late: those who go by totals alone let in 2,000 too many."""
    limit, late, moment = 50_000, 2_000, 0
    random_ = random.Random(replicas)
    book = UsageBook()
    quotas = [quota_of(book, replicas, DayLimit(limit, limit), lambda: moment / 1_000) for _ in range(replicas)]
    waiting: deque[int] = deque()
    let_in = 0
    for moment in range(2 * limit):
        quota = quotas[0 if skewed and moment % 10 else random_.randrange(replicas)]
        room = quota.room("analytics", DAY)
        assert room is not None
        if room >= 1:
            quota.note_written("analytics", DAY, "events:0", let_in, 1)
            let_in += 1
            waiting.append(moment)
        if moment % 500 == 0:
            while waiting and waiting[0] < moment - late:
                waiting.popleft()
            counted = let_in - len(waiting)
            if counted:
                book.put(total(counted, last=counted - 1))
    assert let_in <= limit * 1.005
    assert let_in >= limit * 0.995


def test_a_delta_counts_once_and_a_topic_that_was_made_anew_begins_again() -> None:
    book = UsageBook()
    add(book, delta(0, 9, stored=10), delta(10, 19, stored=8))
    assert add(book, delta(10, 19, stored=8), delta(0, 9, stored=10)) == {}
    assert book.used("analytics", DAY) == 18
    add(book, delta(0, 4, stored=5, first_at=NOON_MS + 1))
    assert book.used("analytics", DAY) == 23


def test_a_batch_over_midnight_counts_on_both_days() -> None:
    book = UsageBook()
    add(book, delta(0, 9, stored=6), delta(0, 9, stored=4, day="2026-02-01"))
    assert add(book, delta(0, 9, stored=6), delta(0, 9, stored=4, day="2026-02-01")) == {}
    assert (book.used("analytics", DAY), book.used("analytics", "2026-02-01")) == (6, 4)


def test_old_days_are_dropped_and_never_begun_again() -> None:
    book = UsageBook()
    add(book, delta(0, 9))
    later_ms = NOON_MS + 35 * 86_400_000
    (key,) = outdated(book, later_ms)
    book.apply(key, None)
    assert book.days == []
    assert add(book, delta(0, 9), now_ms=later_ms) == {}
    assert day_of(NOON_MS) == DAY


def test_of_two_totals_the_larger_is_in_force_whoever_wrote_last() -> None:
    book = UsageBook()
    assert book.apply(total(20, 19).key, encode(total(20, 19)))
    assert not book.apply(total(10, 9).key, encode(total(10, 9))), "a zombie's"
    assert book.used("analytics", DAY) == 20
    assert not book.apply(b"finance|2026-01-31|lineage", encode(total(99, 99))), "another's key"
    assert not book.apply(total(1, 1).key, b"no JSON")
    assert book.used("analytics", DAY) == 20
    assert decode_total(encode(total(20, 19))) == total(20, 19)


@pytest.mark.parametrize(
    ("used", "limit", "verdict"),
    [
        (0, 0, Verdict.OVER),
        (79, 100, Verdict.WITHIN),
        (80, 100, Verdict.AT_80),
        (95, 100, Verdict.AT_95),
        (100, 100, Verdict.OVER),
    ],
)
def test_levels(used: int, limit: int, verdict: Verdict) -> None:
    assert verdict_of(used, limit) is verdict


def test_what_a_web_has_let_in_is_told_from_half_of_the_day_on_and_in_few_entries() -> None:
    now = [0.0]
    web = quota_of(UsageBook(), clock=lambda: now[0])
    for offset in range(499):
        web.note_written("analytics", DAY, "events:0", offset, 1)
        now[0] += 1.0
    assert web.let_in() == []
    web.note_written("analytics", DAY, "events:0", 499, 1)
    told = web.let_in()
    assert len(told) <= 8
    assert sum(one.events for one in told) == 500
    assert [one.offset for one in told] == sorted(one.offset for one in told)
    assert told[-1].offset == 499
    web.book.put(total(stored=500, last=499))
    assert web.let_in() == []


def test_an_agent_leaves_room_for_what_webs_have_let_in_until_that_is_counted() -> None:
    book = UsageBook()
    agent = quota_of(book)
    agent.note_let_in("web-1", [LetIn("analytics", DAY, "events:0", 9, 600), LetIn("finance", DAY, "events:0", 11, 5)])
    agent.note_let_in("web-2", [LetIn("analytics", DAY, "events:1", 3, 100)])
    assert agent.room("analytics", DAY) == 300
    assert agent.room("analytics", "2026-02-01") == 1_000
    book.put(total(stored=600, last=9))
    assert agent.room("analytics", DAY) == 300, "counted, and so no longer let in by others as well"
    agent.note_let_in("web-2", [])
    assert agent.room("analytics", DAY) == 400


def test_what_an_agent_has_counted_itself_it_does_not_count_as_a_webs_too() -> None:
    agent = quota_of(UsageBook())
    agent.note_let_in("web-1", [LetIn("analytics", DAY, "events:0", 9, 600)])
    agent.note_written("analytics", DAY, "events:0", 12, 650)
    assert agent.room("analytics", DAY) == 350
