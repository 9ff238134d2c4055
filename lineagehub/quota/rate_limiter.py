"""Rate limits in force: who may send or read so much now, and what is left to him.

One web process counts by itself, in memory: its share of each rate is one of as many as there are webs (replicas.py), the burst is whole.
Called by web/rate_limits.py. Limits are those of the control topic (contract/limits.py), as they are at that moment: a change takes
effect with the next charge and gives nobody a fresh burst.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from lineagehub.auth.directory import Directory
from lineagehub.contract.control import LimitsRecord
from lineagehub.contract.limits import Effective, effective_limits
from lineagehub.quota.gcra import Gcra

BURST_SECONDS = 5
"""Where no burst is set by itself, for bytes and reads, it is what the rate gives in so long."""
MAXIMUM_ALLOWANCES = 20_000
"""Kept at once, some 10 MB; beyond it the one that was used least recently goes, which is full again by then."""


class Traffic(StrEnum):
    """What is limited by itself."""

    INGEST = "ingest"
    READ = "read"


_RATES = {Traffic.INGEST: "requests_per_second", Traffic.READ: "reads_per_second"}


class Standing(NamedTuple):
    """What is left: `limit` items a second over time, `remaining` at once now, all of the burst after `full_after_seconds`."""

    limit: int
    remaining: int
    full_after_seconds: float


class Throttled(Exception):
    """Too much for now, and nothing is charged. `wait_seconds` is infinite where the limit is 0."""

    def __init__(self, detail: str, wait_seconds: float) -> None:
        super().__init__(detail)
        self.wait_seconds = wait_seconds


class BatchExceedsBurst(Exception):
    """One request is more than may ever come at once: waiting does not help, sending less does."""


class RateLimiter:
    """The rates of all namespaces and keys, for one process. All methods are in-memory and immediate."""

    def __init__(
        self, directory: Directory, replicas: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`replicas` tells how many processes share a rate; `clock` gives seconds and never jumps."""
        self._directory = directory
        self._replicas = replicas
        self._clock = clock
        # An enum's hash is computed in Python, at a sixth of what all else here costs: so not Traffic, but whether it is READ.
        self._allowances: dict[tuple[str, str, bool], _Allowance] = {}

    def __len__(self) -> int:
        return len(self._allowances)

    def take(self, namespace: str, kid: str | None, traffic: Traffic, items: int, size: int = 0) -> Standing:
        """Charge items and decoded bytes to a namespace, and to the key if it has limits of its own; both or neither.

        Raises Throttled, BatchExceedsBurst.
        """
        now = self._clock()
        allowances = self._allowances_of(namespace, kid, traffic, now)
        for allowance in allowances:
            allowance.require(items, size, now)
        for allowance in allowances:
            allowance.items.spend(items, now)
            allowance.bytes.spend(size, now)
        return _least(allowances, now)

    def standing(self, namespace: str, kid: str | None, traffic: Traffic) -> Standing:
        """Return what is left, and charge nothing."""
        now = self._clock()
        return _least(self._allowances_of(namespace, kid, traffic, now), now)

    def _allowances_of(self, namespace: str, kid: str | None, traffic: Traffic, now: float) -> list[_Allowance]:
        held = self._directory.namespaces.get(namespace)
        record = self._directory.limits(held) if held is not None else None
        allowances = [self._allowance(namespace, "", traffic, record, now)]
        if kid is not None and record is not None and kid in record.keys:
            allowances.append(self._allowance(namespace, kid, traffic, record, now))
        return allowances

    def _allowance(
        self, namespace: str, kid: str, traffic: Traffic, record: LimitsRecord | None, now: float
    ) -> _Allowance:
        place = (namespace, kid, traffic is Traffic.READ)
        replicas = self._replicas()
        allowance = self._allowances.pop(place, None)
        if allowance is None:
            allowance = _Allowance(kid, traffic, record, replicas)
            if len(self._allowances) >= MAXIMUM_ALLOWANCES:
                del self._allowances[next(iter(self._allowances))]
        elif allowance.record is not record or allowance.replicas != replicas:
            allowance.change(record, replicas, now)
        self._allowances[place] = allowance
        return allowance


class _Allowance:
    """The buckets of one holder, a namespace or a key, for one kind of traffic; and what they were made from."""

    __slots__ = ("_kid", "_rate", "_size_rate", "_traffic", "bytes", "items", "record", "replicas")

    def __init__(self, kid: str, traffic: Traffic, record: LimitsRecord | None, replicas: int) -> None:
        self._kid = kid
        self._traffic = traffic
        self.items = self.bytes = Gcra(0, 0)
        self.items, self.bytes = (Gcra(*sizes) for sizes in self._follow(record, replicas))

    def change(self, record: LimitsRecord | None, replicas: int, now: float) -> None:
        """Follow changed limits, or another number of replicas."""
        of_items, of_bytes = self._follow(record, replicas)
        self.items.change(*of_items, now)
        self.bytes.change(*of_bytes, now)

    def _follow(self, record: LimitsRecord | None, replicas: int) -> tuple[tuple[float, int], tuple[float, int]]:
        self.record, self.replicas = record, replicas
        limits = _limits_of(record, self._kid)
        self._rate, self._size_rate = limits[_RATES[self._traffic]], limits["bytes_per_second"]
        rate = self._rate.value
        burst = limits["burst"].value if self._traffic is Traffic.INGEST else rate * BURST_SECONDS
        size_rate = self._size_rate.value
        return (rate / replicas, burst), (size_rate / replicas, size_rate * BURST_SECONDS)

    def require(self, items: int, size: int, now: float) -> None:
        """Raise Throttled or BatchExceedsBurst unless so much can be taken now."""
        waits = self.items.wait(items, now), self.bytes.wait(size, now)
        if waits != (0.0, 0.0):
            raise self._refusal(items, size, waits)

    def _refusal(self, items: int, size: int, waits: tuple[float, float]) -> Throttled | BatchExceedsBurst:
        whose = "key" if self._kid else "namespace"
        costs = (
            (items, "items", self.items, _RATES[self._traffic], self._rate.value),
            (size, "bytes", self.bytes, "bytes_per_second", self._size_rate.value),
        )
        for cost, _, _, limit, value in costs:
            if cost and not value:
                return Throttled(f"This {whose} lets nothing through: its {limit} is 0.", math.inf)
        for cost, unit, bucket, _, _ in costs:
            if cost > bucket.burst:
                detail = f"The request has {cost} {unit}, and this {whose} may send {bucket.burst} at once: send less at a time."
                return BatchExceedsBurst(detail)
        wait = max(waits)
        _, _, _, limit, value = costs[waits.index(wait)]
        return Throttled(f"This {whose} is above its {limit} of {value}: send it again after Retry-After.", wait)

    def standing(self, now: float) -> Standing:
        """Return what is left."""
        # A remainder that floats lost a billionth of is whole.
        remaining = int(self.items.remaining(now) + 1e-6)
        return Standing(self._rate.value, remaining, self.items.seconds_until_full(now))


def _limits_of(record: LimitsRecord | None, kid: str) -> dict[str, Effective]:
    if record is None:
        return effective_limits(())
    if not kid:
        return effective_limits([("namespace", record.limits)])
    return effective_limits([("namespace", record.limits), ("key", record.keys[kid])])


def _least(allowances: list[_Allowance], now: float) -> Standing:
    least = allowances[0].standing(now)
    for allowance in allowances[1:]:
        standing = allowance.standing(now)
        if standing.remaining < least.remaining:
            least = standing
    return least
