"""Rounds of an agent that stores: what it and the ClickHouse server cost, from Kafka until every row can be queried.

The agent is held (SIGSTOP) while a round's records are written, so that the writing costs it nothing; then it goes on, and the round lasts
until all rows are counted. CPU of agent and server are the processes' own, merges within the round included. Used by telemetry_store
and lineage_store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import cpu_seconds, resident_mebibytes, run_lineagehub, start_lineagehub
from tests.bench.results import Measurement
from tests.bench.stack import Stack, start_stack
from tests.support.clickhouse import start_embedded_clickhouse

ROUND_SECONDS = 300
POLL_SECONDS = 0.1
MERGES_SECONDS = 60

Write = Callable[[Stack, int], Awaitable[int]]
"""Writes at least so many items to the agent's topic; returns how many."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of record: its name in the result, and who writes it."""

    name: str
    write: Write


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent to measure, the table that it fills with a row an item, and how many items warm it up."""

    name: str
    table: str
    warm_up_items: int


def measure_agent(
    agent: Agent, cases: Sequence[Case], items: int, rounds: int, broker: str, directory: Path
) -> list[Measurement]:
    """Run the rounds, cases interleaved so that a noisy minute of the machine falls on all of them."""
    with start_stack(broker, directory) as stack, start_embedded_clickhouse(directory / "clickhouse") as server:
        environment = stack.environment | {"LINEAGEHUB_CLICKHOUSE_URL": server.url}
        if broker == "embedded":
            environment |= _embedded_settings(directory)
        run_lineagehub(environment, "migrate", "--json")
        with start_lineagehub(environment, directory / "agent.log", "agent", agent.name, "--json") as (process, _):
            table = Table(server.url, agent.table)
            table.wait_for(asyncio.run(_written(cases[0], stack, agent.warm_up_items)))
            return [_round(stack, table, process.pid, server.pid, case, items) for _ in range(rounds) for case in cases]


def _round(stack: Stack, table: Table, agent: int, server: int, case: Case, items: int) -> Measurement:
    rows_before = table.rows()
    with held(agent):
        written = asyncio.run(_written(case, stack, items))
        table.wait_for_merges()
        agent_before, server_before = cpu_seconds(agent), cpu_seconds(server)
        began = time.monotonic()
    table.wait_for(rows_before + written)
    seconds = time.monotonic() - began
    agent_used, server_used = cpu_seconds(agent) - agent_before, cpu_seconds(server) - server_before
    table.wait_for_merges()
    merged = cpu_seconds(server) - server_before
    assert table.rows() == rows_before + written, f"{table.rows() - rows_before} rows of {written} items"
    values = {
        "items_per_second": written / seconds,
        "agent_cpu_seconds_per_million": agent_used / written * 1e6,
        "server_cpu_seconds_per_million": server_used / written * 1e6,
        "both_cpu_seconds_per_million": (agent_used + server_used) / written * 1e6,
        "server_with_merges_cpu_seconds_per_million": merged / written * 1e6,
        "agent_rss_mib": resident_mebibytes(agent),
        "server_rss_mib": resident_mebibytes(server),
    }
    return Measurement(case.name, written, values)


async def _written(case: Case, stack: Stack, items: int) -> int:
    return await case.write(stack, items)


@contextlib.contextmanager
def held(pid: int) -> Iterator[None]:
    """Hold a process of ours for the block. Not longer than its session with the broker."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the hub on the server, as a query sees it."""

    url: str
    name: str

    def rows(self) -> int:
        """Return the number of rows."""
        return self._number(f"SELECT count() FROM lineagehub.{self.name}")

    def wait_for(self, rows: int) -> None:
        """Wait until there are this many rows."""
        self._wait(lambda: self.rows() >= rows, ROUND_SECONDS, f"{rows} rows in {self.name}")

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
