"""sdk_kinds: what a tracked function pays for each call, by kind of function and by what is declared of it.

In this process, with the transport `none`: both events are made and queued, none leaves. CPU time of the calling thread a call, less
what the same function costs undecorated; p50 and p99 are by the clock on the wall.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lineagehub_sdk as sdk
from lineagehub_sdk._telemetry import otel
from opentelemetry.sdk.trace import TracerProvider

from tests.bench.results import Measurement

AT_ONCE = 100
"""Calls between two looks at the CPU's clock, which itself costs a microsecond."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how often."""

    broker: str = "in-process"
    rounds: int = 7
    calls: int = 5_000


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, cases interleaved."""
    sdk.configure(transport="none", queue_size=1_000_000)
    cases = _cases()
    return [
        _round(case, plain, tracked, with_spans, parameters.calls)
        for _ in range(parameters.rounds)
        for case, (plain, tracked, with_spans) in cases.items()
    ]


def _cases() -> dict[str, tuple[Callable[[], Any], Callable[[], Any], bool]]:
    """Return by name: a call undecorated, the call tracked, whether it has a span."""

    def function(day: str = "monday") -> str:
        return day

    async def coroutine(day: str = "monday") -> str:
        return day

    def generator(day: str = "monday") -> Generator[str, None, None]:
        yield day

    declared: dict[str, Any] = {
        "inputs": ["s3://raw/orders", "postgres://db/shop.public.customers"],
        "outputs": [
            {"type": "postgres", "name": "shop.public.orders", "format": "table", "namespace": "postgres://db"}
        ],
        "description": "Loads the day's orders.",
        "tags": {"team": "shop"},
    }
    bare = sdk.lineage_track(function)
    full = sdk.lineage_track("load", **declared)(function)
    computed = sdk.lineage_track("load", inputs=lambda arguments: f"s3://raw/{arguments['day']}")(function)
    tracked_coroutine = sdk.lineage_track("load", **declared)(coroutine)
    tracked_generator = sdk.lineage_track("load", **declared)(generator)
    spanned = sdk.telemetry_track("load")(function)
    both = sdk.telemetry_track("load")(full)
    return {
        "bare": (function, bare, False),
        "datasets, description, tags": (function, full, False),
        "inputs computed": (function, computed, False),
        "coroutine": (lambda: _finish(coroutine()), lambda: _finish(tracked_coroutine()), False),
        "generator of one": (lambda: list(generator()), lambda: list(tracked_generator()), False),
        "telemetry_track, no tracer": (function, spanned, False),
        "telemetry_track, a span": (function, spanned, True),
        "both, a span": (function, both, True),
    }


def _round(
    case: str, plain: Callable[[], Any], tracked: Callable[[], Any], with_spans: bool, calls: int
) -> Measurement:
    otel.set_up_on_demand(None)
    otel.use_tracer(TracerProvider().get_tracer("bench") if with_spans else None)
    before = _cpu_microseconds(plain, calls)
    after = _cpu_microseconds(tracked, calls)
    waits: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        tracked()
        waits.append((time.perf_counter() - began) * 1e6)
    sdk.flush(30)
    percentiles = statistics.quantiles(waits, n=100)
    return Measurement(case, calls, {"cpu_us": after - before, "p50_us": percentiles[49], "p99_us": percentiles[98]})


def _cpu_microseconds(call: Callable[[], Any], calls: int) -> float:
    """Return the median over groups of calls: collecting garbage and switching threads fall on a few of them."""
    groups: list[float] = []
    for _ in range(calls // AT_ONCE):
        began = time.thread_time()
        for _ in range(AT_ONCE):
            call()
        groups.append((time.thread_time() - began) / AT_ONCE * 1e6)
    return statistics.median(groups)


def _finish(coroutine: Any) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise asyncio.InvalidStateError("it waits")
