"""Decisions on dead letters: what was re-driven and what was dropped, by whom. A dead letter itself is never changed.

Written by re-drives and drops (broker/dead_letter_decisions.py), keyed by namespace and so in one order for each; the agent
`dead-letters` delivers them beside the letters. A re-drive claims its letters before it sends them again: of two claims the first in the
log counts, unless it is older than CLAIM_SECONDS, after which its re-drive has ended or is dead. A claim without `redriven` behind it
may have been carried out or not: the topic tells (management/redrive.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from lineagehub.contract.audit import Actor, AuditedNamespace

CLAIM_SECONDS = 20
"""A re-drive sends nothing more so long after its claim. Normally it takes 1 to 3 s (the agent's commit interval and the sending)."""

MAXIMUM_LETTERS = 1_000
"""Of one decision: some 60 kB."""

LetterId = Annotated[str, StringConstraints(min_length=1, max_length=400)]


class Verdict(StrEnum):
    """What was decided. A letter without a decision is open."""

    CLAIMED = "claimed"
    REDRIVEN = "redriven"
    DROPPED = "dropped"


class Decision(BaseModel):
    """One decision on some dead letters of one namespace. `run`: the re-drive or drop that it is part of; `why` is its author's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    run: UUID
    at: AwareDatetime
    namespace: AuditedNamespace
    verdict: Verdict
    letters: tuple[LetterId, ...] = Field(min_length=1, max_length=MAXIMUM_LETTERS)
    actor: Actor
    why: str = ""
