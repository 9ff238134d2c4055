"""Of several claims of a dead letter, which counts: every re-drive must come to the same answer, from the log alone."""

from __future__ import annotations

from lineagehub.contract.dead_letter_decision import CLAIM_SECONDS
from lineagehub.management.redrive import _won
from lineagehub.store.queries.dead_letters import Claimed

LONG_MS = CLAIM_SECONDS * 1000


def claim(run: str, at_ms: int, offset: int = 0, letter: str = "a") -> Claimed:
    return Claimed(letter, run, at_ms, offset)


def test_the_first_claim_in_the_log_counts_also_within_one_millisecond() -> None:
    claims = [claim("one", 1000, 7), claim("other", 1000, 8), claim("late", 1001, 9)]
    assert [_won(claims, run) for run in ("one", "other", "late")] == [{"a"}, set(), set()]
    assert _won(claims[::-1], "one") == {"a"}


def test_a_claim_that_is_too_old_to_be_carried_out_does_not_count() -> None:
    dead = claim("dead", 1000)
    assert _won([dead, claim("next", 1000 + LONG_MS - 1)], "next") == set()
    assert _won([dead, claim("next", 1000 + LONG_MS)], "next") == {"a"}


def test_a_claim_that_lost_keeps_others_off_as_one_that_won() -> None:
    claims = [claim("dead", 0), claim("lost", LONG_MS - 1), claim("next", LONG_MS + 5)]
    assert [_won(claims, run) for run in ("dead", "lost", "next")] == [{"a"}, set(), set()]


def test_each_letter_is_decided_by_itself() -> None:
    claims = [claim("one", 0, 0, "a"), claim("other", 1, 1, "a"), claim("other", 1, 1, "b"), claim("one", 2, 2, "b")]
    assert (_won(claims, "one"), _won(claims, "other")) == ({"a"}, {"b"})
