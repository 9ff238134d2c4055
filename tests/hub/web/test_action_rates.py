"""How fast namespaces and keys may be made, by a clock that the test turns: what is made, what is refused, and for how long."""

from __future__ import annotations

import math

import pytest

from lineagehub.auth.principal import Principal
from lineagehub.contract.control import ROLE_SCOPES, Role
from lineagehub.web.admin.action_rates import KEYS, MAXIMUM_CALLERS, NAMESPACES, ActionRate
from lineagehub.web.problems import Refused


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def operator(kid: str = "operator", subject: str | None = None) -> Principal:
    return Principal(kid if subject is None else None, Role.OPERATOR, None, ROLE_SCOPES[Role.OPERATOR], subject)


def owner(namespace: str, kid: str = "owner000") -> Principal:
    return Principal(kid, Role.OWNER, namespace, ROLE_SCOPES[Role.OWNER])


def waits(rate: ActionRate, principal: Principal) -> float:
    """Make one; return 0.0 if it may be made, else the seconds that the refusal says."""
    try:
        rate.take(principal)
    except Refused as refused:
        return math.inf if refused.retry_after_seconds is None else refused.retry_after_seconds
    return 0.0


def test_a_file_of_200_namespaces_with_three_keys_each_is_applied_at_once(clock: Clock) -> None:
    namespaces, keys = ActionRate("makes namespaces", NAMESPACES, clock), ActionRate("makes keys", KEYS, clock)
    assert not any(waits(namespaces, operator()) for _ in range(200))
    assert not any(waits(keys, operator()) for _ in range(600))


def test_of_ten_thousand_in_a_minute_the_burst_and_a_minutes_worth_are_made_and_who_waits_as_told_is_served(
    clock: Clock,
) -> None:
    rate = ActionRate("makes namespaces", NAMESPACES, clock)
    made = 0
    for _ in range(10_000):
        made += not waits(rate, operator())
        clock.now += 60 / 10_000
    assert made in (NAMESPACES.burst + 59, NAMESPACES.burst + 60)
    assert len(rate) == 1
    while not (wait := waits(rate, operator())):
        pass
    assert wait <= 1
    clock.now += wait - 0.01
    assert waits(rate, operator()) > 0
    clock.now += 0.02
    assert waits(rate, operator()) == 0.0


def test_the_burst_is_back_after_a_rest_and_is_never_more(clock: Clock) -> None:
    rate = ActionRate("makes namespaces", NAMESPACES, clock)
    for _ in range(2):
        made = [waits(rate, operator()) for _ in range(NAMESPACES.burst + 1)]
        assert not any(made[:-1])
        assert made[-1] > 0
        clock.now += 86_400


def test_another_key_of_the_same_namespace_is_no_other_caller_and_another_namespace_is(clock: Clock) -> None:
    rate = ActionRate("makes keys", KEYS, clock)
    assert not any(waits(rate, owner("team-a", f"key{number:05}")) for number in range(KEYS.burst))
    assert waits(rate, owner("team-a", "another0")) > 0
    assert waits(rate, owner("team-b")) == 0.0
    assert waits(rate, operator("team-a")) == 0.0, "whose kid is spelled like the namespace"
    assert waits(rate, operator(subject="team-a")) == 0.0


def test_callers_that_are_remembered_are_bounded_and_those_who_make_most_are_kept(clock: Clock) -> None:
    rate = ActionRate("makes keys", KEYS, clock)
    for _ in range(KEYS.burst):
        rate.take(owner("busy"))
    for number in range(3 * MAXIMUM_CALLERS):
        rate.take(owner(f"team-{number}"))
        assert waits(rate, owner("busy")) > 0
    assert len(rate) == MAXIMUM_CALLERS


def test_webs_share_a_rate_and_each_has_the_burst(clock: Clock) -> None:
    replicas = [2]
    rate = ActionRate("makes keys", KEYS, clock, lambda: replicas[0])
    assert not any(waits(rate, operator()) for _ in range(KEYS.burst))
    assert waits(rate, operator()) == pytest.approx(2 / KEYS.each_second)
    clock.now += 10
    made = sum(not waits(rate, operator()) for _ in range(KEYS.burst))
    assert made == 10 * KEYS.each_second / 2
    replicas[0] = 1
    clock.now += 10
    assert waits(rate, operator()) == 0.0, (
        "another number is followed, and the seconds before it were at the rate of then"
    )
    clock.now += 10
    made = sum(not waits(rate, operator()) for _ in range(KEYS.burst))
    assert made >= 10 * KEYS.each_second
