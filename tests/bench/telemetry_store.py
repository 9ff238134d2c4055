"""telemetry_store: what the agent and the ClickHouse server cost to store spans, from Kafka until they can be queried.

Records are those of the web: signed, and called flat where the web would.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lineagehub.contract.headers import FLAT, ContentKind
from lineagehub.contract.topics import OTEL_SPANS
from tests.bench.agent_rounds import Agent, Case, measure_agent
from tests.bench.results import Measurement
from tests.bench.signed_records import write_signed
from tests.bench.spans import trace_requests
from tests.bench.stack import Stack

SIZES = (100, 512)
DISTINCT_REQUESTS = 32
AGENT = Agent("telemetry-store", "otel_traces", warm_up_items=51_200)


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how often. `spans` is rounded up to whole records."""

    broker: str = "kafka"
    sizes: tuple[int, ...] = SIZES
    rounds: int = 5
    spans: int = 500_000


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, sizes interleaved."""
    cases = [Case(f"{size} spans a record", partial(_write, size)) for size in parameters.sizes]
    return measure_agent(AGENT, cases, parameters.spans, parameters.rounds, parameters.broker, directory)


async def _write(size: int, stack: Stack, spans: int) -> int:
    requests = trace_requests(size, DISTINCT_REQUESTS)
    ids = [hashlib.sha256(request).hexdigest()[:32] for request in requests]
    records = -(-spans // size)
    places = (number % DISTINCT_REQUESTS for number in range(records))
    values = ((ids[place], requests[place], None) for place in places)
    await write_signed(stack, OTEL_SPANS, ContentKind.TRACES.value + FLAT, values)
    return records * size
