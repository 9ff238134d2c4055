"""The window of ids knows what was added in the last seven days, whatever the order, and forgets what is older."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineagehub_agents.sinks.marquez import id_window
from lineagehub_agents.sinks.marquez.id_window import DAY_MS, DAYS, IdWindow, hash_of

numbers = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(numbers, st.integers(0, DAYS)), max_size=60), st.sets(numbers, max_size=5))
def test_it_holds_just_what_was_added(added: list[tuple[int, int]], others: set[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_window, "RECENT", 5)
        window = IdWindow()
        for number, day in added:
            window.add(number, (100 + day) * DAY_MS + 7)
    held = {number for number, _ in added}
    assert all(number in window for number in held)
    assert not any(number in window for number in others - held)


def test_what_is_older_than_seven_days_is_forgotten() -> None:
    window = IdWindow()
    for day in (100, 101, 100 + DAYS + 1):
        window.add(day, day * DAY_MS)
    assert [day in window for day in (100, 101, 100 + DAYS + 1)] == [False, True, True]
    window.add(1, 100 * DAY_MS)
    assert 1 not in window


def test_keys_are_told_apart_by_namespace() -> None:
    assert hash_of(b"analytics|0123") != hash_of(b"finance|0123")
