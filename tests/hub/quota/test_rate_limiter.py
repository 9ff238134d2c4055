"""The limiter with a real directory and the test's clock: whose limits count, what is charged, shares, changes, bounds."""

from __future__ import annotations

import inspect
import math
import time
from dataclasses import dataclass, field

import pytest

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import key_of
from lineagehub.contract.control import ControlRecord, LimitsRecord, NamespaceRecord
from lineagehub.contract.limits import DEFAULT_LIMITS, Limits
from lineagehub.quota import rate_limiter
from lineagehub.quota.rate_limiter import BatchExceedsBurst, RateLimiter, Throttled, Traffic

TEAM = "team-a"
KID = "Abcdefg1"


@dataclass
class World:
    """A directory with one namespace, a clock and a number of replicas, all of them the test's to change."""

    namespace: NamespaceRecord = field(default_factory=lambda: new_namespace(TEAM))
    directory: Directory = field(default_factory=lambda: Directory(Sealer("a secret key of these tests, long enough")))
    now: float = 1_000.0
    replicas: int = 1
    revision: int = 1

    def __post_init__(self) -> None:
        self.put(self.namespace)
        self.limiter = RateLimiter(self.directory, lambda: self.replicas, lambda: self.now)

    def put(self, record: ControlRecord) -> None:
        """Have the directory take in a record."""
        self.directory.apply(key_of(record), record.model_dump_json().encode())

    def set(self, limits: Limits, **keys: Limits) -> None:
        """Set the namespace's limits and those of keys."""
        self.revision += 1
        self.put(
            LimitsRecord(
                revision=self.revision,
                namespace=TEAM,
                namespace_id=self.namespace.id,
                limits=limits,
                keys=keys,
                updated_at=self.namespace.created_at,
            )
        )

    def taken(self, tries: int, kid: str | None = None, traffic: Traffic = Traffic.INGEST, size: int = 0) -> int:
        """Return how many of so many single items are let in now."""
        return sum(self.wait(1, kid, traffic, size) == 0.0 for _ in range(tries))

    def wait(self, items: int, kid: str | None = None, traffic: Traffic = Traffic.INGEST, size: int = 0) -> float:
        """Charge items; return 0.0, or the seconds to wait."""
        try:
            self.limiter.take(TEAM, kid, traffic, items, size)
        except Throttled as error:
            return error.wait_seconds
        return 0.0


def test_twice_the_rate_for_ten_seconds_lets_in_ten_seconds_worth_and_the_burst_to_the_event() -> None:
    world = World()
    world.set(Limits(requests_per_second=50, burst=100))
    taken = world.taken(100)
    for _ in range(1_000):
        world.now += 0.01
        taken += world.taken(1)
    assert taken == 50 * 10 + 100


def test_without_limits_the_defaults_are_in_force() -> None:
    world = World()
    assert world.limiter.standing(TEAM, None, Traffic.INGEST).limit == DEFAULT_LIMITS.requests_per_second
    assert world.limiter.standing("unknown", None, Traffic.READ).limit == DEFAULT_LIMITS.reads_per_second
    assert DEFAULT_LIMITS.burst is not None
    assert world.wait(DEFAULT_LIMITS.burst) == 0.0
    assert world.wait(1) == pytest.approx(0.001)


def test_a_batch_larger_than_the_burst_is_told_so_however_long_it_waits() -> None:
    world = World()
    world.set(Limits(requests_per_second=10, burst=100, bytes_per_second=1_000))
    for now in (0.0, 1e6):
        world.now = now
        with pytest.raises(BatchExceedsBurst, match=r"101 items.*100 at once"):
            world.limiter.take(TEAM, None, Traffic.INGEST, 101)
        with pytest.raises(BatchExceedsBurst, match=r"5001 bytes.*5000 at once"):
            world.limiter.take(TEAM, None, Traffic.INGEST, 1, 5_001)
    assert world.wait(100, size=5_000) == 0.0, "what was refused is not charged"


def test_bytes_are_a_bucket_of_their_own_and_refuse_the_items_with_them() -> None:
    world = World()
    world.set(Limits(requests_per_second=100, burst=100, bytes_per_second=1_000))
    assert world.wait(1, size=5_000) == 0.0
    assert world.wait(1, size=500) == pytest.approx(0.5)
    assert world.limiter.standing(TEAM, None, Traffic.INGEST).remaining == 99, "the refused item is not charged"
    world.now += 0.5
    assert world.wait(1, size=500) == 0.0


def test_reads_and_what_is_sent_do_not_count_against_each_other() -> None:
    world = World()
    world.set(Limits(requests_per_second=1, burst=3, reads_per_second=2))
    assert world.taken(20) == 3
    assert world.taken(20, traffic=Traffic.READ) == 2 * rate_limiter.BURST_SECONDS
    world.now += 1.0
    assert (world.taken(20), world.taken(20, traffic=Traffic.READ)) == (1, 2)


@pytest.mark.parametrize("limits", [Limits(requests_per_second=0), Limits(bytes_per_second=0)])
def test_a_limit_of_zero_lets_nothing_in_even_a_batch_larger_than_the_burst(limits: Limits) -> None:
    world = World()
    world.set(limits)
    assert world.wait(1, size=1) == math.inf
    assert world.wait(10**6, size=10**9) == math.inf
    world.now += 1e6
    assert world.wait(1, size=1) == math.inf
    assert world.wait(1, traffic=Traffic.READ) == 0.0
    world.set(Limits(reads_per_second=0))
    assert world.wait(1, traffic=Traffic.READ) == math.inf
    assert world.wait(1, size=1) == 0.0


def test_a_key_with_limits_of_its_own_has_both_its_own_and_its_namespaces() -> None:
    world = World()
    world.set(Limits(requests_per_second=10, burst=10), **{KID: Limits(burst=4)})
    assert world.taken(20, KID) == 4
    assert world.taken(20, "Another1") == 6, (
        "what the key took is charged to the namespace, and the rest is everybody's"
    )
    world.now += 1.0
    assert world.taken(20, "Another1") == 10
    assert world.taken(20, KID) == 0, "a key is never above its namespace"
    assert world.limiter.standing(TEAM, KID, Traffic.INGEST).remaining == 0
    world.now += 0.2
    assert world.wait(2, KID) == 0.0, "the refused ones were not charged to the key either"


def test_a_namespace_and_a_key_of_one_name_are_two() -> None:
    world = World()
    other = new_namespace("abcdefgh")
    world.put(other)
    world.set(Limits(burst=5, requests_per_second=1), abcdefgh=Limits(burst=5))
    assert world.taken(9, "abcdefgh") == 5
    assert world.limiter.standing("abcdefgh", None, Traffic.INGEST).remaining == DEFAULT_LIMITS.burst


def test_the_rate_is_divided_by_the_replicas_and_the_burst_is_not() -> None:
    world = World(replicas=4)
    world.set(Limits(requests_per_second=40, burst=100))
    assert world.taken(200) == 100
    world.now += 1.0
    assert world.taken(200) == 10
    world.replicas = 2
    world.now += 1.0
    assert world.taken(1) == 1, "a change of the number is followed"
    assert world.taken(200) == 9, "and the second before it was at the rate of then"
    world.now += 1.0
    assert world.taken(200) == 20


def test_a_change_takes_effect_at_once_and_gives_no_fresh_burst() -> None:
    world = World()
    world.set(Limits(requests_per_second=10, burst=100))
    assert world.taken(200) == 100
    world.set(Limits(requests_per_second=1_000, burst=100))
    assert world.taken(200) == 0
    world.now += 0.05
    assert world.taken(200) == 50
    world.set(Limits(requests_per_second=0))
    assert world.wait(1) == math.inf


def test_the_clock_is_monotonic_and_no_other_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inspect.signature(RateLimiter).parameters["clock"].default is time.monotonic
    world = World()
    limiter = RateLimiter(world.directory, lambda: 1)
    world.set(Limits(requests_per_second=1, burst=10))
    for number in range(10):
        limiter.take(TEAM, None, Traffic.INGEST, 1)
        jumped = time.time() + (3_600 if number % 2 else -3_600)
        monkeypatch.setattr(time, "time", lambda jumped=jumped: jumped)
    with pytest.raises(Throttled) as refused:
        limiter.take(TEAM, None, Traffic.INGEST, 2)
    assert 0 < refused.value.wait_seconds <= 2, "neither a free burst nor an hour's wait"


def test_the_table_is_bounded_and_forgets_who_sent_least_recently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limiter, "MAXIMUM_ALLOWANCES", 100)
    world = World()
    world.set(Limits(requests_per_second=1, burst=2))
    assert world.taken(5) == 2
    for number in range(10_000):
        world.limiter.take(f"namespace-{number}", None, Traffic.INGEST, 1)
        if number % 50 == 0:
            assert world.taken(1) == 0, "who goes on is not forgotten, and gets no fresh burst"
    assert len(world.limiter) == 100
