"""What Retry-After says: never too early, spread over a tenth, an hour at most."""

from __future__ import annotations

import math

import pytest

from lineagehub.web.retry_after import spread

TRIES = 2_000


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [
        (0.0, 1, 1),
        (0.001, 1, 1),
        (0.7, 1, 1),
        (9.2, 10, 11),
        (60, 60, 66),
        (1_000, 1_000, 1_100),
        (3_500, 3_240, 3_600),
        (40_000, 3_240, 3_600),
    ],
)
def test_a_wait_is_spread_over_a_tenth_and_is_an_hour_at_most(wait: float, least: int, most: int) -> None:
    said = {spread(wait) for _ in range(TRIES)}
    assert min(said) >= least
    assert max(said) <= most
    assert len(said) >= min(most - least, 20), "not all come back at once"


def test_where_waiting_does_not_help_it_is_an_hour() -> None:
    assert {spread(math.inf) for _ in range(TRIES)} == {3_600}
