"""Counting replicas from heartbeats, with the test's clock: births, deaths, farewells, a silent broker, records read again."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from lineagehub.quota.replicas import LIFETIME_SECONDS, LivingReplicas


@dataclass
class World:
    """The count as the replica `own` has it."""

    now: float = 50.0

    def __post_init__(self) -> None:
        self.living = LivingReplicas("own", lambda: self.now)

    def beat(self, replica: str, number: int, *, is_new: bool = True) -> None:
        """Read a heartbeat."""
        self.living.note(replica.encode(), json.dumps({"beat": number}).encode(), is_new=is_new)


def test_a_replica_alone_is_one_before_and_after_it_hears_itself() -> None:
    world = World()
    assert world.living.count == 1
    world.beat("own", 1)
    assert world.living.count == 1


def test_others_count_with_their_first_heartbeat_and_until_they_are_silent() -> None:
    world = World()
    world.beat("own", 1)
    world.beat("b", 1)
    world.beat("c", 1)
    assert world.living.count == 3
    for number in range(2, 10):
        world.now += 3.0
        world.beat("own", number)
        world.beat("b", number)
    assert world.living.count == 2, "c was silent for 24 s"


def test_a_farewell_counts_at_once() -> None:
    world = World()
    world.beat("b", 1)
    assert world.living.count == 2
    world.living.note(b"b", None, is_new=True)
    assert world.living.count == 1


def test_what_was_there_before_counts_nobody_who_does_not_write_again() -> None:
    world = World()
    for replica in ("dead", "alive"):
        for number in range(1, 100):
            world.beat(replica, number, is_new=False)
    assert world.living.count == 1
    world.beat("alive", 100)
    assert world.living.count == 2


def test_a_topic_that_is_read_again_from_its_beginning_brings_nobody_back() -> None:
    world = World()
    for number in range(1, 5):
        world.beat("dead", number)
    for number in range(1, 10):
        world.now += 3.0
        world.beat("own", number)
    assert world.living.count == 1
    for number in range(1, 5):
        world.beat("dead", number)
    assert world.living.count == 1


def test_while_the_broker_is_silent_the_count_stays_and_then_all_get_their_time_again() -> None:
    world = World()
    world.beat("own", 1)
    world.beat("b", 1)
    world.now += 3_600
    assert world.living.count == 2
    world.beat("own", 2)
    assert world.living.count == 2, "b could not be heard either"
    world.now += LIFETIME_SECONDS - 1
    world.beat("own", 3)
    world.now += 2
    world.beat("own", 4)
    assert world.living.count == 1


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b"12", b'{"beat":"x"}', b'{"beat":null}', b"\xff", b'{"beat":-1}']
)
def test_what_is_no_heartbeat_counts_nobody(value: bytes) -> None:
    world = World()
    world.living.note(b"x", value, is_new=True)
    assert world.living.count == 1
