"""usage_recovery: what daily quotas of many namespaces cost whoever begins with nothing: the quota agent, and a web.

The topic of totals is the quota agent's table, and nothing else of it is anywhere: its process is new and has no directory. Totals of all
namespaces, each day's, are on the topic, twice, as before compaction. Then the agent starts and is given deltas, of which every other one
is counted already; it has recovered when the last of the new ones stands in a total, and each total is checked. The web has recovered
when `/usage` is complete. Memory is compared with the same process's when the topic was empty.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import OPENLINEAGE_EVENTS, USAGE, USAGE_DELTAS
from lineagehub.contract.usage import CountedTo, Counts, UsageDelta, UsageTotal, Verdict, encode, usage_key
from lineagehub.quota.usage_book import UsageBook
from tests.bench.processes import cpu_seconds, resident_mebibytes, start_lineagehub
from tests.bench.results import Measurement
from tests.bench.stack import Stack, start_stack
from tests.support.waiting import wait_until, wait_until_async

PARTITIONS = 4
COUNTED_TO = 1_000_000
STORED = 5_000
EVERY = 100
"""One namespace in so many gets deltas after the recovery."""
LIMIT = 10_000_000
AT_ONCE = 2_000
WRITE_SECONDS = 60.0
RECOVERY_SECONDS = 300
EMBEDDED_GROUP = {"LINEAGEHUB_AGENTS_SESSION_TIMEOUT_SECONDS": "3", "LINEAGEHUB_AGENTS_REBALANCE_TIMEOUT_SECONDS": "3"}


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much. `days` have a total of each namespace, today included."""

    broker: str = "kafka"
    rounds: int = 3
    namespaces: int = 100_000
    days: tuple[int, ...] = (1, 7)


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, each number of days on a broker of its own."""
    return [
        measurement
        for days in parameters.days
        for measurement in _of_days(parameters, days, directory / f"{days}-days")
    ]


def _of_days(parameters: Parameters, days: int, directory: Path) -> list[Measurement]:
    directory.mkdir()
    with start_stack(parameters.broker, directory) as stack:
        environment = stack.environment | {"LINEAGEHUB_CLICKHOUSE_URL": "http://127.0.0.1:1"}
        if parameters.broker == "embedded":
            environment |= EMBEDDED_GROUP | {"LINEAGEHUB_AGENTS_BATCH_RANGES": str(directory / "ranges")}
        world = _World(stack, environment, parameters.namespaces, days)
        empty = {"agent": world.empty_memory("agent", "quota"), "web": world.empty_memory("serve")}
        asyncio.run(world.write_totals())
        measured = []
        for number in range(1, parameters.rounds + 1):
            measured += [asyncio.run(world.agent_round(number, empty["agent"])), world.web_round(number, empty["web"])]
        return measured


@dataclass
class _World:
    stack: Stack
    environment: dict[str, str]
    namespaces: int
    days: int

    def __post_init__(self) -> None:
        self.today = datetime.now(UTC).date()
        self.began_ms = time.time_ns() // 1_000_000

    def empty_memory(self, *arguments: str) -> float:
        log = self.stack.directory / "empty.log"
        with start_lineagehub(self.environment, log, *arguments, "--json") as (process, _):
            return resident_mebibytes(process.pid)

    async def write_totals(self) -> None:
        await self._write(USAGE.name, (pair for half in (2, 1) for pair in self._totals(half)))

    async def agent_round(self, number: int, empty_mebibytes: float) -> Measurement:
        """Start the agent, give it deltas, and wait for the last total that it must write."""
        book = UsageBook()
        view = CompactedView(self.stack.kafka, USAGE.name, book.apply)
        await view.start()
        await view.wait_complete(RECOVERY_SECONDS)
        began = time.monotonic()
        log = self.stack.directory / "agent.log"
        with start_lineagehub(self.environment, log, "agent", "quota", "--json") as (process, _):
            joined = time.monotonic() - began
            await self._write(USAGE_DELTAS.name, self._deltas(number))
            await wait_until_async(
                lambda: self._has_counted(book, number), RECOVERY_SECONDS, "the deltas to be counted"
            )
            recovered = time.monotonic() - began
            self._check(book, number)
            cpu, memory = cpu_seconds(process.pid), resident_mebibytes(process.pid)
        await view.stop()
        return self._measurement("quota agent", joined, recovered, cpu, memory, empty_mebibytes)

    def web_round(self, number: int, empty_mebibytes: float) -> Measurement:
        """Start a web and wait until it knows what is used; ask it for a namespace's usage by the figures that the agent left."""
        began = time.monotonic()
        with start_lineagehub(self.environment, self.stack.directory / "web.log", "serve", "--json") as (
            process,
            ready,
        ):
            joined = time.monotonic() - began
            wait_until(
                lambda: self._usage_of(ready["url"])["is_complete"], RECOVERY_SECONDS, "the web to know what is used"
            )
            recovered = time.monotonic() - began
            (today,) = self._usage_of(ready["url"])["days"]
            assert today["used"] == STORED + number, today
            cpu, memory = cpu_seconds(process.pid), resident_mebibytes(process.pid)
        return self._measurement("web", joined, recovered, cpu, memory, empty_mebibytes)

    def _measurement(
        self, who: str, joined: float, recovered: float, cpu: float, memory: float, empty_mebibytes: float
    ) -> Measurement:
        values = {"joined_s": joined, "recovered_s": recovered, "cpu_s": cpu, "rss_mib": memory}
        case = f"{who}, {self.days} {'day' if self.days == 1 else 'days'}"
        return Measurement(case, self.namespaces * self.days, values | {"rss_more_mib": memory - empty_mebibytes})

    def _usage_of(self, url: str) -> Any:
        request = urllib.request.Request(f"{url}/api/v1/namespaces/{self.stack.namespace}/usage")
        request.add_header("Authorization", f"Bearer {self.stack.api_key}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _name(self, number: int) -> str:
        return f"team-{number:06d}" if number else self.stack.namespace

    def _totals(self, part: int) -> Iterable[tuple[bytes, bytes]]:
        """Yield a total of each namespace and day, of which so many parts of its events are counted."""
        places = {
            f"{OPENLINEAGE_EVENTS.name}:{place}": CountedTo(COUNTED_TO // part, self.began_ms // part)
            for place in range(PARTITIONS)
        }
        for back in range(self.days):
            day = (self.today - timedelta(back)).isoformat()
            for number in range(self.namespaces):
                counts = Counts(stored=STORED // part, bytes=STORED * 400 // part)
                total = UsageTotal(
                    self._name(number), day, Signal.LINEAGE, counts, places, self.began_ms, LIMIT, Verdict.WITHIN
                )
                yield total.key, encode(total)

    def _deltas(self, number: int) -> Iterable[tuple[bytes, bytes]]:
        """Yield for one namespace in `EVERY` a delta that is counted, and a new one of one event."""
        for one in range(0, self.namespaces, EVERY):
            for last, first_at in ((COUNTED_TO - 5, self.began_ms - 5), (COUNTED_TO + number, self.began_ms + number)):
                delta = UsageDelta(
                    self._name(one),
                    self.today.isoformat(),
                    Signal.LINEAGE,
                    OPENLINEAGE_EVENTS.name,
                    0,
                    last,
                    last,
                    first_at,
                    Counts(stored=1),
                )
                yield delta.namespace.encode(), encode(delta)

    async def _has_counted(self, book: UsageBook, number: int) -> bool:
        place, to = f"{OPENLINEAGE_EVENTS.name}:0", COUNTED_TO + number
        return all(book.counted_to(self._name(one), place) >= to for one in range(0, self.namespaces, EVERY))

    def _check(self, book: UsageBook, number: int) -> None:
        for back in range(self.days):
            day = (self.today - timedelta(back)).isoformat()
            for one in range(self.namespaces):
                total = book.total(usage_key(self._name(one), day, Signal.LINEAGE))
                added = number if back == 0 and one % EVERY == 0 else 0
                assert total is not None
                assert total.counts.stored == STORED + added, total

    async def _write(self, topic: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        patient = self.stack.kafka.model_copy(update={"acknowledge_timeout_seconds": WRITE_SECONDS})
        async with Producer(patient) as producer:
            sends = []
            for key, value in pairs:
                sends.append(producer.send(topic, value, key=key))
                if len(sends) == AT_ONCE:
                    await asyncio.gather(*sends)
                    sends = []
            await asyncio.gather(*sends)
