"""One agent process: the agents asked for, the control view they verify with, a small operations server. Called by the cli.

Stops cleanly on SIGTERM and SIGINT; exits with 70 when an agent must not go on.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence

import structlog

from lineagehub.auth.directory import Directory
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.topics import AGENT_STATES, CONTROL, USAGE
from lineagehub.errors import ConfigurationError
from lineagehub.quota.daily import DailyQuota
from lineagehub.quota.limits import limits_by_name
from lineagehub.quota.replicas import view_of_let_in
from lineagehub.quota.usage_book import UsageBook
from lineagehub.settings import KafkaSettings, Settings
from lineagehub_agents.agent import Agent, AgentParts
from lineagehub_agents.agents import AGENTS, NewAgent
from lineagehub_agents.app import EXIT_MUST_NOT_GO_ON
from lineagehub_agents.flows import FLOWS
from lineagehub_agents.operations import OperationsServer
from lineagehub_agents.reporting import StateReporter

log = structlog.get_logger(__name__)

STOP_SECONDS = 15.0
WATCH_SECONDS = 1.0
USAGE_SECONDS = 5.0
"""How long a start waits to know what is used. Without, nothing is over quota."""


def find_agents(names: Sequence[str]) -> list[NewAgent]:
    """Return what makes the agents of these names. Raises ConfigurationError, which lists the names there are."""
    unknown = [name for name in names if name not in AGENTS]
    if unknown:
        raise ConfigurationError(f"There is no agent {unknown[0]!r}.", f"The agents are: {', '.join(AGENTS)}.")
    return [AGENTS[name] for name in names]


async def run_agents(names: Sequence[str], settings: Settings, on_ready: Callable[[str], None] | None = None) -> int:
    """Run the named agents until SIGTERM or SIGINT; return the exit code.

    `on_ready` gets the operations URL once every agent has joined its group.

    Verification needs the namespaces and keys, so nothing is read before the control topic has been.
    """
    makers = find_agents(names)
    sealer = Sealer(settings.require_secret_key())
    directory = Directory(sealer)
    control_view = CompactedView(settings.kafka, settings.kafka.topic_name(CONTROL), directory.apply)
    producer = Producer(settings.kafka)
    book = UsageBook()
    usage_view = CompactedView(settings.kafka, settings.kafka.topic_name(USAGE), book.apply)
    quota = DailyQuota(book, limits_by_name(directory), lambda: usage_view.is_complete)
    let_in_view = view_of_let_in(settings.kafka, quota)
    parts = AgentParts(settings, directory, sealer, producer, quota)
    agents = [make(parts) for make in makers]
    operations = OperationsServer(agents, control_view, settings.agents)
    reporter = StateReporter(agents, producer, settings.kafka.topic_name(AGENT_STATES), settings.agents.replica_id)
    stop = _stop_on_signals()
    await producer.start()
    await control_view.start()
    meters = any(route.metered for flow in FLOWS if flow.name in names for route in flow.routes)
    if meters:
        await usage_view.start()
        await let_in_view.start()
    url = await operations.start()
    try:
        if not await _until_first(control_view.wait_complete(None), stop):
            return 0
        _warn_of_unknown_namespaces(settings.kafka, directory)
        await reporter.start()
        if meters:
            await _until_first(usage_view.wait_complete(USAGE_SECONDS), stop)
        for agent in agents:
            # Joining waits for the broker, for the group and for the topics: as long as it takes, unless we are to stop.
            if not await _until_first(agent.start(), stop):
                return 0
        log.info("Agents started.", agents=list(names), operations=url)
        if on_ready is not None:
            on_ready(url)
        while not stop.is_set():
            if any(agent.has_crashed for agent in agents):
                log.critical("An agent gave up; the process exits and Kafka redelivers.", exit_code=EXIT_MUST_NOT_GO_ON)
                return EXIT_MUST_NOT_GO_ON
            await _until_first(asyncio.sleep(WATCH_SECONDS), stop)
        return 0
    finally:
        await _stop_all(agents, reporter, (control_view, usage_view, let_in_view), producer, operations)


def _warn_of_unknown_namespaces(kafka: KafkaSettings, directory: Directory) -> None:
    """A namespace may be made after its topic; but if its name in the setting is misspelt, nobody ever sees what is stored."""
    for topic, namespace in kafka.bound_topics.items():
        if namespace not in directory.namespaces:
            log.warning(
                "A topic is bound to a namespace that does not exist; its records are stored under that name.",
                topic=topic,
                namespace=namespace,
                fix=f"Correct LINEAGEHUB_KAFKA_BOUND_TOPICS, or: lineagehub bootstrap --namespace {namespace}",
            )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _until_first(work: Coroutine[None, None, object], stop: asyncio.Event) -> bool:
    """Await `work`, or cancel it when `stop` is set; return whether it ended by itself. Raises what it raised."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finished = working.done()
    for task in (working, stopping):
        task.cancel()
    await asyncio.gather(working, stopping, return_exceptions=True)
    if finished:
        working.result()
    return finished


async def _stop_all(
    agents: Sequence[Agent],
    reporter: StateReporter,
    views: Sequence[CompactedView],
    producer: Producer,
    operations: OperationsServer,
) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            for agent in agents:
                await agent.stop()
            await reporter.stop()
            for view in views:
                await view.stop()
            await producer.stop()
            await operations.stop()
    except TimeoutError:
        log.warning(
            "Stopping took too long and was cut short; what was not committed is read again.", seconds=STOP_SECONDS
        )
