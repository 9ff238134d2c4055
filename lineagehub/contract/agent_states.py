"""What an agent process says of itself on the compacted topic `lineagehub-agents`, every ten seconds.

Written by every agent process (agents/reporting.py), read by the agent `alerts`. It holds no text of an error: that may quote a
tenant's data, and stands in the agent's log.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=249, pattern=r"^[^|\x00-\x1f]+$")]


class TopicState(BaseModel):
    """One topic of an agent. `behind`: its records of this process's partitions that are not delivered. `down_since`: of its sink."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: Name
    behind: int = Field(ge=0)
    down_since: AwareDatetime | None = None


class AgentState(BaseModel):
    """One agent in one process, at a moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    agent: Name
    replica: Name
    at: AwareDatetime
    topics: tuple[TopicState, ...] = ()

    @property
    def key(self) -> bytes:
        """Its key on the topic."""
        return f"{self.agent}|{self.replica}".encode()
