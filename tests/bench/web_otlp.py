"""web_otlp: what one web process costs to take spans over OTLP/HTTP, with everything on, beside the OpenTelemetry Collector.

The web: a real API key, authentication, checks, signing, acks=all. The Collector, where LINEAGEHUB_TEST_OTELCOL names one: its OTLP
receiver and kafkaexporter, acks=all, no queue, no batching, so that it answers after the broker did, too. Both get the same load in
turn: 8 connections in a closed loop from another process. CPU is the receiver's alone. The spans on the topic must be exactly those
acknowledged.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineagehub.contract.topics import OTEL_SPANS
from tests.bench.load import Orders, generate
from tests.bench.processes import cpu_seconds, resident_mebibytes, start_lineagehub
from tests.bench.results import Measurement
from tests.bench.stack import Stack, start_stack
from tests.bench.topic_counts import SpanCounter
from tests.support.collector import OTELCOL, start_collector

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


@dataclass(frozen=True, slots=True)
class Receiver:
    """A process that takes spans by OTLP/HTTP and writes them to the topic."""

    name: str
    url: str
    pid: int


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, sizes and receivers interleaved so that a noisy minute of the machine falls on all of them."""
    with start_stack(parameters.broker, directory) as stack, _receivers(stack, directory) as receivers:
        counter = SpanCounter(stack.kafka)
        for receiver in receivers:
            for size in parameters.sizes:
                generate(Orders(receiver.url, stack.api_key, size, CONNECTIONS, WARM_UP_SECONDS))
        counter.count_new()
        return [
            _round(stack, receiver, counter, size, parameters.seconds)
            for _ in range(parameters.rounds)
            for size in parameters.sizes
            for receiver in receivers
        ]


def _round(stack: Stack, receiver: Receiver, counter: SpanCounter, size: int, seconds: float) -> Measurement:
    before = cpu_seconds(receiver.pid)
    seen = generate(Orders(receiver.url, stack.api_key, size, CONNECTIONS, seconds))
    used = cpu_seconds(receiver.pid) - before
    counted = counter.count_new()
    assert not seen.refused_requests, f"{seen.refused_requests} requests were refused: {seen.first_refusal}"
    assert counted == seen.acknowledged_spans, f"{seen.acknowledged_spans} acknowledged, {counted} on Kafka"
    values = {
        "spans_per_second": seen.acknowledged_spans / seen.seconds,
        "p50_ms": seen.p50_ms,
        "p99_ms": seen.p99_ms,
        "cpu_seconds_per_million": used / seen.acknowledged_spans * 1e6,
        "microseconds_per_request": used / seen.acknowledged_spans * size * 1e6,
        "rss_mib": resident_mebibytes(receiver.pid),
    }
    return Measurement(f"{receiver.name}, {size} spans a request", seen.acknowledged_spans, values)


@contextlib.contextmanager
def _receivers(stack: Stack, directory: Path) -> Iterator[list[Receiver]]:
    with start_lineagehub(stack.environment, directory / "web.log", "serve", "--json") as (web, ready):
        hub = Receiver("web", ready["url"], web.pid)
        if not os.environ.get(OTELCOL):
            yield [hub]
            return
        with start_collector(directory / "collector", _collector_configuration(stack)) as collector:
            yield [hub, Receiver("Collector", f"http://{collector.endpoint}", collector.process.pid)]


def _collector_configuration(stack: Stack) -> dict[str, Any]:
    exporter = {
        "brokers": [stack.kafka.brokers],
        "traces": {"topic": stack.kafka.topic_name(OTEL_SPANS), "encoding": "otlp_proto"},
        "producer": {"required_acks": -1},
        "sending_queue": {"enabled": False},
        "retry_on_failure": {"enabled": False},
    }
    pipeline = {"receivers": ["otlp"], "exporters": ["kafka"]}
    return {
        "exporters": {"kafka": exporter},
        "service": {"pipelines": {"traces": pipeline}, "telemetry": {"metrics": {"level": "none"}}},
    }
