"""What is logged of a flood: one line at once, then one in ten seconds that says how many were held back."""

from __future__ import annotations

from lineagehub.telemetry.sparing import EVERY_SECONDS, MAXIMUM_KINDS, Sparing


def test_a_flood_is_one_line_in_ten_seconds_and_each_kind_has_its_own() -> None:
    now = [100.0]
    sparing = Sparing(lambda: now[0])
    assert [sparing.unsaid("a") for _ in range(1_000)] == [0, *[None] * 999]
    assert sparing.unsaid("b") == 0
    now[0] += EVERY_SECONDS
    assert [sparing.unsaid("a"), sparing.unsaid("a"), sparing.unsaid("b")] == [999, None, 0]


def test_kinds_without_end_are_forgotten_and_take_no_memory() -> None:
    sparing = Sparing(lambda: 1.0)
    for number in range(3 * MAXIMUM_KINDS):
        assert sparing.unsaid(number) == 0
    assert sparing.unsaid(3 * MAXIMUM_KINDS - 1) is None
    assert sparing.unsaid(0) == 0, "it was forgotten"
