"""Tells of the agents of this process on the compacted topic `lineagehub-agents`, so that the agent `alerts` hears of lag and dead sinks.

Started by worker.py. A broker that takes nothing delays no delivery; what was not said is said the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from lineagehub.broker.producer import Producer
from lineagehub.contract.agent_states import AgentState, TopicState
from lineagehub.errors import LineageHubError
from lineagehub_agents.agent import Agent

log = structlog.get_logger(__name__)

REPORT_SECONDS = 10.0


class StateReporter:
    """Writes one record an agent every ten seconds, and takes them back when the process stops as it was told."""

    def __init__(self, agents: Sequence[Agent], producer: Producer, topic: str, replica: str = "") -> None:
        self._agents = agents
        self._producer = producer
        self._topic = topic
        self._replica = replica or uuid4().hex[:12]
        self._down_since: dict[tuple[str, str], datetime] = {}
        self._reporting: asyncio.Task[None] | None = None
        self._written: set[bytes] = set()

    async def start(self) -> None:
        """Begin, in the background."""
        self._reporting = asyncio.create_task(self._report_for_ever(), name="agent states")

    async def stop(self) -> None:
        """End, and say that these agents are gone because they should be. May be repeated."""
        if self._reporting is None:
            return
        self._reporting.cancel()
        await asyncio.gather(self._reporting, return_exceptions=True)
        self._reporting = None
        with contextlib.suppress(LineageHubError):
            await asyncio.gather(*(self._producer.send(self._topic, None, key) for key in self._written))

    def states(self, now: datetime) -> Iterator[AgentState]:
        """Yield how each agent is; remembers since when its sinks are down."""
        for agent in self._agents:
            topics: list[TopicState] = []
            for topic, health in agent.topic_health().items():
                place = (agent.name, topic)
                since = self._down_since.setdefault(place, now) if health.is_down else None
                if since is None:
                    self._down_since.pop(place, None)
                topics.append(TopicState(topic=topic, behind=health.behind, down_since=since))
            yield AgentState(agent=agent.name, replica=self._replica, at=now, topics=tuple(topics))

    async def _report_for_ever(self) -> None:
        while True:
            try:
                for state in self.states(datetime.now(UTC)):
                    self._written.add(state.key)
                    await self._producer.send(self._topic, state.model_dump_json().encode(), state.key)
            except LineageHubError as error:
                log.warning("The state of the agents is not on Kafka.", error=str(error))
            await asyncio.sleep(REPORT_SECONDS)
