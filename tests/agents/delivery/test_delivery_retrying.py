"""Retrying in place: only what is transient, only while the partition is ours, and not for ever."""

from __future__ import annotations

import asyncio

import pytest
from lineagehub_agents.delivery import retrying
from lineagehub_agents.delivery.retrying import AssignmentLost, Stuck, retry_in_place

from lineagehub.contract.reasons import Reason
from lineagehub.errors import Permanent, Retryable, Unavailable

ENDLESS = 1e9


class Attempts:
    """Fails as listed, then succeeds."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.made = 0
        self.told: list[Retryable] = []

    async def __call__(self) -> None:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)


async def retry(attempts: Attempts, ours: bool = True, stuck_after: float = ENDLESS) -> int:
    return await retry_in_place(attempts, lambda: ours, attempts.told.append, stuck_after)


async def test_a_success_is_one_attempt() -> None:
    attempts = Attempts()
    assert await retry(attempts) == attempts.made == 1


async def test_a_transient_fault_is_repeated_and_each_failure_told() -> None:
    failures = [Retryable("one"), Unavailable("kafka", "two", 0.0), Retryable("three")]
    attempts = Attempts(*failures)
    assert await retry(attempts) == attempts.made == 4
    assert attempts.told == failures


@pytest.mark.parametrize("error", [Permanent(Reason.STORE_REJECTED, "no"), ValueError("unknown"), KeyError("unknown")])
async def test_anything_else_is_raised_at_once(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        await retry(attempts)
    assert attempts.made == 1


async def test_cancellation_is_never_swallowed() -> None:
    with pytest.raises(asyncio.CancelledError):
        await retry(Attempts(asyncio.CancelledError()))


async def test_nothing_is_attempted_for_a_partition_that_is_gone() -> None:
    attempts = Attempts()
    with pytest.raises(AssignmentLost):
        await retry(attempts, ours=False)
    assert attempts.made == 0


async def test_a_partition_that_goes_while_waiting_is_not_sent_to_again() -> None:
    attempts = Attempts(Retryable("one"), Retryable("two"))
    with pytest.raises(AssignmentLost):
        await retry_in_place(attempts, lambda: attempts.made < 2, attempts.told.append, ENDLESS)
    assert attempts.made == 2


async def test_a_fault_that_lasts_too_long_is_a_fault_of_the_process() -> None:
    with pytest.raises(Stuck, match="away"):
        await retry(Attempts(Retryable("away")), stuck_after=-1)


async def test_pauses_double_with_jitter_up_to_the_longest_and_respect_the_other_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(retrying, "FIRST_DELAY_SECONDS", 0.2)
    monkeypatch.setattr("lineagehub_agents.delivery.retrying.asyncio.sleep", note)
    asked = Retryable("asks for time", retry_after_seconds=30.0)
    await retry(Attempts(*[Retryable("away")] * 10, asked))
    expected = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 10]
    assert all(longest / 2 <= pause <= longest for pause, longest in zip(pauses, expected, strict=False))
    assert pauses[-1] == 30.0
    assert len(set(pauses)) == len(pauses)
