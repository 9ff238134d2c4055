"""The whole hub as child processes: what `lineagehub up` starts, watches and stops, in the right order.

    start:  broker, ClickHouse -> topics, control records, migrations -> web, agents
    watch:  a dead child is started again with backoff; a dead embedded broker has forgotten everything, so web and agents begin anew
    stop:   web (finishes requests) -> agents (after they delivered what was accepted) -> ClickHouse, broker

A part named by an address (`--kafka`, `--clickhouse`) is not ours: neither started nor stopped.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lineagehub.broker.backlog import wait_delivered
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import (
    AUDIT,
    DEAD_LETTER_DECISIONS,
    DEAD_LETTERS,
    OPENLINEAGE_EVENTS,
    OTEL_LOGS,
    OTEL_METRICS,
    OTEL_SPANS,
    USAGE_DELTAS,
    Topic,
)
from lineagehub.embedded.broker import broker_command
from lineagehub.embedded.control_seed import issue_keys, replay
from lineagehub.embedded.data_directory import DataDirectory
from lineagehub.embedded.processes import Child, ChildFailed
from lineagehub.errors import LineageHubError, Unavailable
from lineagehub.management.control_journal import ControlJournal
from lineagehub.settings import load_settings
from lineagehub.store.client import ClickHouse
from lineagehub.store.migrate import apply as apply_migrations

NAMESPACE = "demo"
LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
"""How long one part may take to get ready: far above what it takes, because a loaded machine must not look broken."""
FOREIGN_BROKER_SECONDS = 10.0
DELIVER_SECONDS = 30.0
GRACE_SECONDS = 20.0
KEY_LIFETIME = timedelta(days=30)
AGENT_TOPICS: dict[str, tuple[Topic, ...]] = {
    "lineage-store": (OPENLINEAGE_EVENTS,),
    "telemetry-store": (OTEL_SPANS, OTEL_METRICS, OTEL_LOGS),
    "audit": (AUDIT,),
    "quota": (USAGE_DELTAS,),
    "marquez": (OPENLINEAGE_EVENTS,),
    # Last, as it reads what all of them write.
    "dead-letters": (DEAD_LETTERS, DEAD_LETTER_DECISIONS),
    "alerts": (),
}
"""The agents, and what each must have delivered before a stop: the topics of its flow."""
EMBEDDED_GROUP = {
    "LINEAGEHUB_AGENTS_SESSION_TIMEOUT_SECONDS": "3",
    "LINEAGEHUB_AGENTS_REBALANCE_TIMEOUT_SECONDS": "3",
    "LINEAGEHUB_AGENTS_HEARTBEAT_SECONDS": "1",
}
"""The embedded broker lets a group join after half the rebalance timeout: a killed agent is back after 3.2 s instead of 12.3 s."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What the user asked for. An empty address means an embedded part; an empty Marquez URL means no Marquez."""

    host: str
    port: int
    data: Path
    kafka: str = ""
    clickhouse: str = ""
    marquez: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class StackReady:
    """What the user needs once everything runs. The keys are shown here once and never again."""

    url: str
    namespace: str
    api_key: str
    operator_key: str
    kafka: str
    clickhouse: str
    pids: dict[str, int]


class Stack:
    """One running hub. `tell` gets one sentence for each thing that a person would want to know."""

    def __init__(self, options: StackOptions, tell: Callable[[str], None]) -> None:
        """Take the data directory and look at the port. Raises ConfigurationError, or OSError when the port is taken."""
        self._options = options
        self._tell = tell
        self._web_port = _usable_port(options.host, options.port)
        self._data = DataDirectory(options.data)
        self._journal = None if options.kafka else ControlJournal(self._data.control_journal)
        broker = options.kafka or f"{LOOPBACK}:{_usable_port(LOOPBACK)}"
        settings = load_settings()
        self._kafka = settings.kafka.model_copy(update={"brokers": broker, "idempotent": bool(options.kafka)})
        url = options.clickhouse or f"http://{LOOPBACK}:{_usable_port(LOOPBACK)}"
        self._clickhouse = settings.clickhouse.model_copy(update={"url": url})
        self._secret_key = self._data.secret_key()
        self._broker: Child | None = None
        self._clickhouse_server: Child | None = None
        self._services: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []

    async def start(self) -> StackReady:
        """Start everything; return when all of it is ready. Raises ChildFailed or Unavailable; `stop` must be called then, too."""
        if self._journal is not None:
            self._journal.compact()
        await asyncio.gather(self._begin_broker_life(), self._start_clickhouse())
        keys = await issue_keys(
            self._kafka, self._secret_key, NAMESPACE, "made by lineagehub up", KEY_LIFETIME, self._journal
        )
        if not keys.api_key:
            self._tell(
                f"The namespace {NAMESPACE!r} is being deleted, so there is no key of it; the next start makes it again."
            )
        await self._start_services()
        self._watch(self._clickhouse_server)
        if self._broker is not None:
            self._watchers.append(asyncio.create_task(self._revive_broker(self._broker), name="watch broker"))
        return StackReady(
            url=f"http://{self._options.host}:{self._web_port}",
            namespace=NAMESPACE,
            api_key=keys.api_key,
            operator_key=keys.operator_key,
            kafka=self._kafka.brokers,
            clickhouse=self._clickhouse.url,
            pids={service.name: service.pid for service in self._services},
        )

    async def stop(self) -> None:
        """Stop everything in order, delivering what was accepted first. May be repeated, and called after a failed start."""
        await _cancel(self._watchers)
        web, agents = self._services[:1], self._services[1:]
        await _stop_all(web)
        if agents and self._broker is not None and self._broker.is_running:
            groups = {agent.name: self._topics_of(agent.name) for agent in agents if AGENT_TOPICS[agent.name]}
            if not await wait_delivered(self._kafka, groups, DELIVER_SECONDS):
                self._tell(
                    f"Not everything was delivered within {DELIVER_SECONDS:g} s; the embedded broker forgets the rest."
                )
        await _stop_all(agents)
        await _stop_all([part for part in (self._clickhouse_server, self._broker) if part is not None])

    def _topics_of(self, agent: str) -> list[str]:
        return [name for topic in AGENT_TOPICS[agent] for name in self._kafka.broker_topics(topic)]

    async def _begin_broker_life(self) -> None:
        if self._journal is not None:
            host, port = self._kafka.brokers.split(":")
            log_path = self._data.logs / "broker.log"
            self._broker = self._broker or Child(
                "broker", broker_command(host, int(port)), {}, log_path, prints_ready=False
            )
            await self._broker.start(START_SECONDS)
        await self._apply_topics()
        if self._journal is not None:
            await replay(self._journal, self._kafka)

    async def _apply_topics(self) -> None:
        """Embedded: the broker was started a moment ago. A Kafka of the user's may be starting, too, or not be there at all."""
        patience = FOREIGN_BROKER_SECONDS if self._options.kafka else START_SECONDS
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                await apply_topics(self._kafka)
                return
            except Unavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def _start_clickhouse(self) -> None:
        if not self._options.clickhouse:
            port = self._clickhouse.url.rpartition(":")[2]
            arguments = ["-m", "lineagehub.embedded.clickhouse", "--data", str(self._data.clickhouse), "--port", port]
            self._clickhouse_server = self._child("clickhouse", arguments, {})
            await self._clickhouse_server.start(START_SECONDS)
        async with ClickHouse(self._clickhouse) as clickhouse:
            await apply_migrations(clickhouse)

    async def _start_services(self) -> None:
        agent_settings = self._agent_settings()
        names = [name for name in AGENT_TOPICS if name != "marquez" or self._options.marquez]
        self._services = [
            self._child("web", ["-m", "lineagehub", "serve", "--json"], self._web_settings()),
            *(self._child(name, ["-m", "lineagehub", "agent", name, "--json"], agent_settings) for name in names),
        ]
        await asyncio.gather(*(service.start(START_SECONDS) for service in self._services))
        self._watch(*self._services)

    def _watch(self, *children: Child | None) -> None:
        for child in children:
            if child is not None:
                self._watchers.append(asyncio.create_task(self._keep_running(child), name=f"watch {child.name}"))

    async def _keep_running(self, child: Child) -> None:
        while True:
            exit_code = await child.wait()
            backoff = child.next_backoff()
            self._tell(f"{child.name} ended with exit code {exit_code}; starting it again in {backoff:g} s.")
            await asyncio.sleep(backoff)
            try:
                await child.start(START_SECONDS)
            except ChildFailed as failed:
                self._tell(f"{failed}.")

    async def _revive_broker(self, broker: Child) -> None:
        while True:
            exit_code = await broker.wait()
            self._tell(
                f"The embedded broker ended with exit code {exit_code}; what was not yet delivered is lost. Starting anew."
            )
            services = {f"watch {service.name}" for service in self._services}
            await _cancel([watcher for watcher in self._watchers if watcher.get_name() in services])
            await asyncio.gather(*(service.kill() for service in self._services))
            await asyncio.sleep(broker.next_backoff())
            try:
                await self._begin_broker_life()
                await self._start_services()
            except LineageHubError as failed:
                self._tell(f"{failed}.")
                await broker.kill()

    def _web_settings(self) -> dict[str, str]:
        settings = self._settings() | {
            "LINEAGEHUB_WEB_HOST": self._options.host,
            "LINEAGEHUB_WEB_PORT": str(self._web_port),
        }
        if self._journal is not None:
            settings["LINEAGEHUB_CONTROL_JOURNAL"] = str(self._data.control_journal)
        return settings

    def _agent_settings(self) -> dict[str, str]:
        if self._journal is not None:
            ranges = self._data.new_batch_ranges()
            return self._settings() | EMBEDDED_GROUP | {"LINEAGEHUB_AGENTS_BATCH_RANGES": str(ranges)}
        replica = f"up-{socket.gethostname()}-{zlib.crc32(str(self._data.root).encode()):08x}"
        return self._settings() | {"LINEAGEHUB_AGENTS_REPLICA_ID": replica}

    def _settings(self) -> dict[str, str]:
        return {
            "LINEAGEHUB_SECRET_KEY": self._secret_key,
            "LINEAGEHUB_KAFKA_BROKERS": self._kafka.brokers,
            "LINEAGEHUB_KAFKA_IDEMPOTENT": str(self._kafka.idempotent).lower(),
            "LINEAGEHUB_CLICKHOUSE_URL": self._clickhouse.url,
            "LINEAGEHUB_MARQUEZ_URL": self._options.marquez,
        }

    def _child(self, name: str, arguments: Sequence[str], settings: dict[str, str]) -> Child:
        return Child(name, [sys.executable, *arguments], settings, self._data.logs / f"{name}.log")


def _usable_port(host: str, port: int = 0) -> int:
    """Return `port`, or a free one for 0. Raises OSError when it is taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


async def _stop_all(children: Sequence[Child]) -> None:
    await asyncio.gather(*(child.stop(GRACE_SECONDS) for child in children))


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
