"""lineage_graph: reads of a graph of 1,102 and of 4,102 nodes over HTTP, one after another, and what storing its events costs.

The events go into the landing table as an agent inserts them; the web has a real key and its own process. `runs` is how many times every
job has run: ten times the events beside one time shows how reads grow with history. The nodes of every answer are counted.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LINEAGE_EVENTS_IN, insert_settings
from tests.bench.lineage_events import DEPTHS, MIDDLE, landing_rows
from tests.bench.processes import cpu_seconds, resident_mebibytes, run_lineagehub, start_lineagehub
from tests.bench.results import Measurement
from tests.bench.stack import start_stack
from tests.support.clickhouse import start_embedded_clickhouse

BATCH = 1_000
WARM_UP_REQUESTS = 2


@dataclass(frozen=True, slots=True)
class Parameters:
    """How often. The broker only carries the keys."""

    broker: str = "embedded"
    rounds: int = 3
    requests: int = 20
    runs: tuple[int, ...] = (1, 10)


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Store the events once for each number of runs, in a database of its own, and read in rounds."""
    measurements: list[Measurement] = []
    with start_stack(parameters.broker, directory) as stack:
        for runs in parameters.runs:
            with start_embedded_clickhouse(directory / f"clickhouse-{runs}") as server:
                environment = stack.environment | {"LINEAGEHUB_CLICKHOUSE_URL": server.url}
                run_lineagehub(environment, "migrate", "--json")
                measurements.append(asyncio.run(_store(server.url, server.pid, stack.namespace, runs)))
                with start_lineagehub(environment, directory / "web.log", "serve", "--json") as (web, ready):
                    for _ in range(parameters.rounds):
                        for nodes in DEPTHS:
                            reads = parameters.requests + WARM_UP_REQUESTS
                            web_before, server_before = cpu_seconds(web.pid), cpu_seconds(server.pid)
                            values = _read(ready["url"], stack.api_key, nodes, parameters.requests)
                            values["web_cpu_ms"] = (cpu_seconds(web.pid) - web_before) / reads * 1_000
                            values["server_cpu_ms"] = (cpu_seconds(server.pid) - server_before) / reads * 1_000
                            values["web_rss_mib"] = resident_mebibytes(web.pid)
                            measurements.append(Measurement(f"{nodes:,} nodes, {runs} runs a job", nodes, values))
    return measurements


async def _store(url: str, pid: int, namespace: str, runs: int) -> Measurement:
    rows, began, used, batches = landing_rows(namespace, runs), time.monotonic(), cpu_seconds(pid), 0
    stored = 0
    async with ClickHouse(ClickHouseSettings(url=url)) as clickhouse:
        while batch := list(itertools.islice(rows, BATCH)):
            token = uuid.uuid4().hex
            await clickhouse.insert(
                LINEAGE_EVENTS_IN.name, "Protobuf", b"".join(batch), insert_settings(LINEAGE_EVENTS_IN, token)
            )
            stored, batches = stored + len(batch), batches + 1
    values = {
        "events_per_second": stored / (time.monotonic() - began),
        "server_cpu_microseconds_per_event": (cpu_seconds(pid) - used) / stored * 1e6,
        "server_rss_mib": resident_mebibytes(pid),
    }
    return Measurement(f"storing {runs} runs a job", stored, values)


def _read(url: str, api_key: str, nodes: int, requests: int) -> dict[str, float]:
    query = urllib.parse.urlencode({"nodeId": MIDDLE, "depth": DEPTHS[nodes]})
    request = urllib.request.Request(f"{url}/api/v1/lineage?{query}", headers={"Authorization": f"Bearer {api_key}"})
    milliseconds: list[float] = []
    size = 0
    for number in range(WARM_UP_REQUESTS + requests):
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        if number >= WARM_UP_REQUESTS:
            milliseconds.append((time.perf_counter() - began) * 1_000)
        size = len(body)
        counted = len(json.loads(body)["graph"])
        assert counted == nodes, f"{counted} nodes instead of {nodes}"
    return {
        "p50_ms": statistics.median(milliseconds),
        "p95_ms": statistics.quantiles(milliseconds, n=20)[-1],
        "answer_mib": size / 1_048_576,
    }
