"""GCRA by itself: the rate to the event, the burst, changes on the way. The clock is the test's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineagehub.quota.gcra import Gcra


@pytest.mark.parametrize("began", [0.0, 1e5 + 1 / 3, 3e8 + 0.1], ids=["zero", "a day", "ten years"])
@pytest.mark.parametrize(("rate", "burst"), [(10, 5), (100, 1), (1_000, 5_000), (7, 3)])
def test_twice_the_rate_for_ten_seconds_lets_in_the_rate_and_the_burst_to_the_event(
    rate: int, burst: int, began: float
) -> None:
    bucket, total, taken = Gcra(rate, burst), 20 * rate + burst, 0
    for number in range(total + 1):
        # The last one comes at ten seconds to the dot; the burst comes at once.
        moment = began + 10 * max(0, number - burst) / (total - burst)
        taken += bucket.take(1, moment) == 0.0
    assert taken == rate * 10 + burst


def test_who_waits_as_long_as_was_said_is_let_in_and_a_little_earlier_is_not() -> None:
    bucket = Gcra(10, 20)
    assert bucket.take(20, 100.0) == 0.0
    wait = bucket.take(15, 100.0)
    assert wait == pytest.approx(1.5)
    assert bucket.take(15, 100.0 + wait * 0.999) > 0.0
    assert bucket.take(15, 100.0 + wait) == 0.0


def test_what_is_refused_costs_nothing() -> None:
    bucket = Gcra(10, 20)
    bucket.take(20, 0.0)
    for _ in range(1_000):
        assert bucket.take(10, 0.0) == pytest.approx(1.0)
    assert bucket.take(10, 1.0) == 0.0


def test_a_rate_of_zero_lets_nothing_in_for_ever() -> None:
    bucket = Gcra(0, 20)
    assert bucket.take(1, 0.0) == math.inf
    assert bucket.take(1, 1e9) == math.inf
    assert bucket.remaining(0.0) == 0.0


def test_a_change_of_the_rate_keeps_what_is_taken() -> None:
    bucket = Gcra(10, 20)
    bucket.take(15, 0.0)
    bucket.change(100, 20, 0.0)
    assert bucket.remaining(0.0) == pytest.approx(5)
    assert bucket.take(6, 0.0) == pytest.approx(0.01)
    assert bucket.take(15, 0.1) == 0.0


def test_a_smaller_burst_asks_nobody_to_wait_for_more_than_it_holds() -> None:
    bucket = Gcra(1, 10_000)
    bucket.take(9_000, 0.0)
    bucket.change(1, 10, 0.0)
    assert bucket.take(10, 0.0) == pytest.approx(10.0)


@given(
    rate=st.integers(1, 10**6),
    burst=st.integers(1, 10**6),
    steps=st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10**6)), max_size=50),
)
def test_no_sequence_lets_in_more_than_the_rate_over_its_time_and_one_burst(
    rate: int, burst: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now, taken = Gcra(rate, burst), 0.0, 0
    for pause, cost in steps:
        now += pause
        if bucket.take(cost, now) == 0.0:
            taken += cost
        assert taken <= rate * now + burst + 1e-3
        assert 0.0 <= bucket.remaining(now) <= burst
