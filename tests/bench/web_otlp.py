"""web_otlp: what one web process costs to take spans over OTLP/HTTP, with everything on.

A real API key, authentication, checks, signing, acks=all; 8 connections in a closed loop from another process. CPU is the
web's alone. The spans on the topic must be exactly those acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Orders, generate
from tests.bench.processes import cpu_seconds, resident_mebibytes, start_lineagehub
from tests.bench.results import Measurement
from tests.bench.stack import start_stack
from tests.bench.topic_counts import SpanCounter

SIZES = (10, 100, 512)
CONNECTIONS = 8
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Parameters:
    """How long and how often."""

    broker: str = "kafka"
    sizes: tuple[int, ...] = SIZES
    rounds: int = 5
    seconds: float = 4.0


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, sizes interleaved so that a noisy minute of the machine falls on all of them."""
    measurements = []
    with (
        start_stack(parameters.broker, directory) as stack,
        start_lineagehub(stack.environment, directory / "web.log", "serve", "--json") as (web, ready),
    ):
        counter = SpanCounter(stack.kafka)
        for size in parameters.sizes:
            generate(Orders(ready["url"], stack.api_key, size, CONNECTIONS, WARM_UP_SECONDS))
        counter.count_new()
        for _ in range(parameters.rounds):
            for size in parameters.sizes:
                before = cpu_seconds(web.pid)
                seen = generate(Orders(ready["url"], stack.api_key, size, CONNECTIONS, parameters.seconds))
                used = cpu_seconds(web.pid) - before
                counted = counter.count_new()
                assert not seen.refused_requests, f"{seen.refused_requests} requests were refused: {seen.first_refusal}"
                assert counted == seen.acknowledged_spans, f"{seen.acknowledged_spans} acknowledged, {counted} on Kafka"
                values = {
                    "spans_per_second": seen.acknowledged_spans / seen.seconds,
                    "p50_ms": seen.p50_ms,
                    "p99_ms": seen.p99_ms,
                    "cpu_seconds_per_million": used / seen.acknowledged_spans * 1e6,
                    "microseconds_per_request": used / seen.acknowledged_spans * size * 1e6,
                    "rss_mib": resident_mebibytes(web.pid),
                }
                measurements.append(Measurement(f"{size} spans a request", seen.acknowledged_spans, values))
    return measurements
