"""telemetry_store: what the agent `telemetry-store` and the ClickHouse server cost, from Kafka to queryable.

The records are signed as the web signs them. The agent is held (SIGSTOP, for less than its session) while a round's records
are written, so that it finds a backlog and the writing costs it nothing; then it goes on, and the round lasts until all rows
are counted in otel_traces. CPU of agent and server are the processes' own, merges within the round included.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.producer import Producer
from lineagehub.contract.headers import ContentKind, Envelope
from lineagehub.contract.topics import OTEL_SPANS
from tests.bench.processes import cpu_seconds, resident_mebibytes, run_lineagehub, start_lineagehub
from tests.bench.results import Measurement
from tests.bench.spans import trace_requests
from tests.bench.stack import Stack, start_stack
from tests.support.clickhouse import start_embedded_clickhouse

SIZES = (100, 512)
DISTINCT_REQUESTS = 32
WRITES_AT_ONCE = 200
WARM_UP_SPANS = 51_200
ROUND_SECONDS = 300
POLL_SECONDS = 0.1
MERGES_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how often. `spans` is rounded up to whole records."""

    broker: str = "kafka"
    sizes: tuple[int, ...] = SIZES
    rounds: int = 5
    spans: int = 500_000


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, sizes interleaved."""
    measurements = []
    with (
        start_stack(parameters.broker, directory) as stack,
        start_embedded_clickhouse(directory / "clickhouse") as server,
    ):
        environment = stack.environment | {"LINEAGEHUB_CLICKHOUSE_URL": server.url}
        if parameters.broker == "embedded":
            environment |= _embedded_settings(directory)
        run_lineagehub(environment, "migrate", "--json")
        arguments = ("agent", "telemetry-store", "--json")
        with start_lineagehub(environment, directory / "agent.log", *arguments) as (agent, _):
            table = Table(server.url)
            asyncio.run(write(stack, parameters.sizes[0], WARM_UP_SPANS))
            table.wait_for(WARM_UP_SPANS)
            for _ in range(parameters.rounds):
                for size in parameters.sizes:
                    values, spans = _round(stack, table, agent.pid, server.pid, size, parameters.spans)
                    measurements.append(Measurement(f"{size} spans a record", spans, values))
    return measurements


def _round(stack: Stack, table: Table, agent: int, server: int, size: int, spans: int) -> tuple[dict[str, float], int]:
    rows_before = table.rows()
    with held(agent):
        written = asyncio.run(write(stack, size, spans))
        table.wait_for_merges()
        agent_before, server_before = cpu_seconds(agent), cpu_seconds(server)
        began = time.monotonic()
    table.wait_for(rows_before + written)
    seconds = time.monotonic() - began
    agent_used, server_used = cpu_seconds(agent) - agent_before, cpu_seconds(server) - server_before
    table.wait_for_merges()
    merged = cpu_seconds(server) - server_before
    assert table.rows() == rows_before + written, f"{table.rows() - rows_before} rows of {written} spans"
    values = {
        "spans_per_second": written / seconds,
        "agent_cpu_seconds_per_million": agent_used / written * 1e6,
        "server_cpu_seconds_per_million": server_used / written * 1e6,
        "both_cpu_seconds_per_million": (agent_used + server_used) / written * 1e6,
        "server_with_merges_cpu_seconds_per_million": merged / written * 1e6,
        "agent_rss_mib": resident_mebibytes(agent),
        "server_rss_mib": resident_mebibytes(server),
    }
    return values, written


@contextlib.contextmanager
def held(pid: int) -> Iterator[None]:
    """Hold a process of ours for the block. Not longer than its session with the broker."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def write(stack: Stack, size: int, spans: int) -> int:
    """Write records of `size` spans, signed by the hub, until there are at least `spans`; return how many spans."""
    topic = stack.kafka.topic_name(OTEL_SPANS)
    signing_key = Sealer(stack.secret_key).hub_signing_key
    requests = trace_requests(size, DISTINCT_REQUESTS)
    records = -(-spans // size)
    async with Producer(stack.kafka) as producer:

        async def write_one(number: int) -> None:
            value = requests[number % len(requests)]
            event_id = hashlib.sha256(value).hexdigest()[:32]
            now_ms = time.time_ns() // 1_000_000
            envelope = Envelope(stack.namespace, HUB_KEY_ID, event_id, now_ms, ContentKind.TRACES.value)
            await producer.send(topic, value, headers=envelope.to_headers(signing_key, topic, value))

        for first in range(0, records, WRITES_AT_ONCE):
            await asyncio.gather(*map(write_one, range(first, min(first + WRITES_AT_ONCE, records))))
    return records * size


@dataclass(frozen=True, slots=True)
class Table:
    """otel_traces on the server, as a query sees it."""

    url: str

    def rows(self) -> int:
        """Return the number of rows."""
        return self._number("SELECT count() FROM lineagehub.otel_traces")

    def wait_for(self, rows: int) -> None:
        """Wait until there are this many rows."""
        self._wait(lambda: self.rows() >= rows, ROUND_SECONDS, f"{rows} rows in otel_traces")

    def wait_for_merges(self) -> None:
        """Wait until the server has nothing to merge."""
        self._wait(lambda: self._number("SELECT count() FROM system.merges") == 0, MERGES_SECONDS, "the end of merges")

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            time.sleep(POLL_SECONDS)

    def _number(self, sql: str) -> int:
        with urllib.request.urlopen(f"{self.url}/?{urllib.parse.urlencode({'query': sql})}", timeout=60) as answer:
            return int(answer.read())


def _embedded_settings(directory: Path) -> dict[str, str]:
    """Return what `lineagehub up` sets for the embedded broker, which keeps no metadata of commits."""
    return {
        "LINEAGEHUB_AGENTS_BATCH_RANGES": str(directory / "ranges"),
        "LINEAGEHUB_AGENTS_SESSION_TIMEOUT_SECONDS": "6",
        "LINEAGEHUB_AGENTS_REBALANCE_TIMEOUT_SECONDS": "5",
        "LINEAGEHUB_AGENTS_HEARTBEAT_SECONDS": "1",
    }
