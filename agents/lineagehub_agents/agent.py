"""What an agent is to the process that runs it: a thing with a name that is started, watched and stopped.

A flow (topic -> processor -> sink) is one by `FlowApp`; what is no flow implements this by itself. The one list is agents.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lineagehub.auth.directory import Directory
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.producer import Producer
from lineagehub.quota.daily import DailyQuota
from lineagehub.settings import Settings


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What the agents of a process share, started and stopped by worker.py. The directory is whole before an agent starts."""

    settings: Settings
    directory: Directory
    sealer: Sealer
    producer: Producer
    quota: DailyQuota


class TopicHealth(NamedTuple):
    """One topic that an agent reads: how many records of its partitions are not delivered, and whether their sink fails."""

    behind: int
    is_down: bool


class Agent(Protocol):
    """One running agent. `name` is its consumer group."""

    @property
    def name(self) -> str:
        """What `lineagehub agent` calls it."""

    @property
    def is_ready(self) -> bool:
        """Whether it does its work: it is in its group and has read what it must know."""

    @property
    def has_crashed(self) -> bool:
        """Whether it will never go on by itself: the process then exits, and is started again."""

    @property
    def fault(self) -> str:
        """What fails at present, or an empty text."""

    async def start(self) -> None:
        """Begin; returns when it has joined, however long that takes."""

    async def stop(self) -> None:
        """End; what is not done stays on Kafka."""

    def topic_health(self) -> Mapping[str, TopicHealth]:
        """Return the topics that it reads and delivers; none for an agent without a sink."""
