"""Agent processes as a supervisor sees them: killed with -9 and started again without loss or doubling, and stopped at any time.

The ledger is on spans, whose table keeps every row (no Replacing engine behind it): a doubled insert could not hide in a merge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from lineagehub_agents.agents import AGENTS
from lineagehub_agents.flows import FLOWS
from lineagehub_agents.worker import find_agents
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.broker.backlog import is_delivered
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.topics import CONTROL, OTEL_SPANS
from lineagehub.errors import ConfigurationError
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from tests.support.broker import EmbeddedBroker, free_port, start_embedded_broker
from tests.support.clickhouse import start_migrated_clickhouse
from tests.support.hub import clean_environment
from tests.support.signing import SECRET_KEY, Tenancy
from tests.support.waiting import wait_until, wait_until_async

START_SECONDS = 60
STOP_SECONDS = 40
KILLS = 2
RECORDS_A_LIFE = 600


def agent_environment(kafka: str, directory: Path, **others: str) -> dict[str, str]:
    return {
        **clean_environment(),
        "LINEAGEHUB_KAFKA_BROKERS": kafka,
        "LINEAGEHUB_KAFKA_IDEMPOTENT": "false",
        "LINEAGEHUB_SECRET_KEY": SECRET_KEY,
        "LINEAGEHUB_AGENTS_BATCH_RANGES": str(directory),
        "LINEAGEHUB_AGENTS_BATCH_RECORDS": "200",
        "LINEAGEHUB_AGENTS_BATCH_SECONDS": "0.05",
        "LINEAGEHUB_AGENTS_SESSION_TIMEOUT_SECONDS": "3",
        "LINEAGEHUB_AGENTS_REBALANCE_TIMEOUT_SECONDS": "3",
        "LINEAGEHUB_AGENTS_HEARTBEAT_SECONDS": "1",
        **others,
    }


@contextlib.contextmanager
def agent(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the telemetry-store agent; kill it at the end."""
    command = [sys.executable, "-m", "lineagehub", "agent", "telemetry-store", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(STOP_SECONDS)


def test_agents_are_found_by_name_and_an_unknown_one_is_answered_with_those_there_are() -> None:
    assert find_agents(["marquez", "alerts"]) == [AGENTS["marquez"], AGENTS["alerts"]]
    assert {flow.name for flow in FLOWS} < set(AGENTS)
    with pytest.raises(ConfigurationError, match="no agent 'lineage'") as caught:
        find_agents(["lineage-store", "lineage"])
    assert all(name in caught.value.next_step for name in AGENTS)


@dataclass
class Stack:
    """A broker with the topics, a migrated ClickHouse, and hands to write spans."""

    broker: EmbeddedBroker
    clickhouse: ClickHouse
    producer: Producer

    async def send(self, count: int) -> list[str]:
        """Write records of one span each, acknowledged; return the span ids."""
        hub = Tenancy().hub
        span_ids = [uuid4().hex[:16] for _ in range(count)]

        async def send_one(span_id: str) -> None:
            request = ExportTraceServiceRequest()
            span = request.resource_spans.add().scope_spans.add().spans.add()
            span.trace_id, span.span_id, span.name = uuid4().bytes, bytes.fromhex(span_id), "worker"
            value = request.SerializeToString()
            headers = hub.headers(OTEL_SPANS.name, value, ContentKind.TRACES, span_id, round(time.time() * 1000))
            await self.producer.send(OTEL_SPANS.name, value, headers=headers)

        await asyncio.gather(*map(send_one, span_ids))
        return span_ids

    async def stored(self) -> Counter[str]:
        """Return how often each span is stored."""
        rows = await self.clickhouse.select("SELECT SpanId FROM otel_traces WHERE SpanName = 'worker'")
        return Counter(row["SpanId"] for row in rows)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Everything around an agent."""
    with start_embedded_broker() as broker, start_migrated_clickhouse(tmp_path / "clickhouse") as server:
        await apply_topics(broker.settings())
        async with (
            ClickHouse(ClickHouseSettings(url=server.url)) as clickhouse,
            Producer(broker.settings()) as producer,
        ):
            yield Stack(broker, clickhouse, producer)


@pytest.mark.slow
async def test_an_agent_killed_in_mid_stream_again_and_again_stores_every_span_once(
    stack: Stack, tmp_path: Path
) -> None:
    url = stack.clickhouse.settings.url
    environment = agent_environment(stack.broker.address, tmp_path / "ranges", LINEAGEHUB_CLICKHOUSE_URL=url)
    sent: set[str] = set()
    for _ in range(KILLS):
        sent |= set(await stack.send(RECORDS_A_LIFE))
        before = len(await stack.stored())

        async def is_under_way(before: int = before) -> bool:
            return len(await stack.stored()) > before

        with agent(environment):
            await wait_until_async(is_under_way, START_SECONDS, "delivery to be under way")
    sent |= set(await stack.send(RECORDS_A_LIFE))

    async def is_all_committed() -> bool:
        return await is_delivered(stack.broker.settings(), "telemetry-store", [OTEL_SPANS.name])

    with agent(environment) as process:
        await wait_until_async(is_all_committed, START_SECONDS, "everything to be delivered")
        assert stop(process) == 0
    stored = await stack.stored()
    assert set(stored) == sent
    assert set(stored.values()) == {1}


def test_an_agent_whose_broker_is_away_waits_and_stops_when_told(tmp_path: Path) -> None:
    ops_port = free_port()
    environment = agent_environment(f"127.0.0.1:{free_port()}", tmp_path, LINEAGEHUB_AGENTS_OPS_PORT=str(ops_port))
    with agent(environment) as process:
        wait_until(lambda: operations(ops_port, "livez"), START_SECONDS, "the agent's operations")
        assert operations(ops_port, "readyz") == {
            "ready": False,
            "control": False,
            "agents": {"telemetry-store": {"joined": False, "fault": "", "delivered": 0, "dead_lettered": 0}},
        }
        assert stop(process) == 0


async def test_an_agent_that_waits_for_its_topic_stops_when_told(tmp_path: Path) -> None:
    ops_port = free_port()
    with start_embedded_broker() as broker:
        await apply_topics(broker.settings(), [CONTROL])
        environment = agent_environment(broker.address, tmp_path, LINEAGEHUB_AGENTS_OPS_PORT=str(ops_port))
        with agent(environment) as process:

            async def has_read_control() -> bool:
                answer = await asyncio.to_thread(operations, ops_port, "readyz")
                return bool(answer and answer["control"])

            await wait_until_async(has_read_control, START_SECONDS, "the agent to have read the control topic")
            assert await asyncio.to_thread(stop, process) == 0


def operations(port: int, path: str) -> dict[str, object] | None:
    """Return what the operations server says; None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        return dict(json.loads(error.read()))
    except OSError:
        return None


def test_a_missing_secret_key_is_said_before_anything_starts(tmp_path: Path) -> None:
    environment = agent_environment(f"127.0.0.1:{free_port()}", tmp_path, LINEAGEHUB_SECRET_KEY="")
    with agent(environment) as process:
        assert process.wait(START_SECONDS) == os.EX_CONFIG
