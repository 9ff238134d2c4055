"""An entry of the audit topic: who did what to which thing of a namespace, from where, and what came of it. Never a secret.

Written by the web and by commands (broker/audit.py), one entry before an action, without which it is not done, and one after it. What
was denied has one entry for itself and those like it of the same minute (web/denials.py). A new action is a member of Action.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lineagehub.contract.control import Role
from lineagehub.contract.namespaces import Namespace

AuditedNamespace = Namespace | Literal["_operator"]
"""Whose entry it is. OPERATOR_LANE of contract/namespaces.py: of no namespace, the operator's own."""


class Action(StrEnum):
    """What was done, or tried. `ACCESS` is a request over HTTP: it has an entry when it was denied."""

    ACCESS = "access"
    LINEAGE_DATASET_DELETE = "lineage.dataset.delete"
    LINEAGE_JOB_DELETE = "lineage.job.delete"
    LINEAGE_NAMESPACE_DELETE = "lineage.namespace.delete"
    NAMESPACE_CREATE = "namespace.create"
    NAMESPACE_CHANGE = "namespace.change"
    NAMESPACE_DELETE = "namespace.delete"
    NAMESPACE_PURGE = "namespace.purge"
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
    LIMITS_SET = "limits.set"
    WEBHOOKS_SET = "webhooks.set"
    WEBHOOKS_TEST = "webhooks.test"
    DEAD_LETTERS_REDRIVE = "dead_letters.redrive"
    DEAD_LETTERS_DROP = "dead_letters.drop"


class Outcome(StrEnum):
    """How far it has come. A `requested` that no other entry follows is an action whose process died in the middle."""

    REQUESTED = "requested"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"


class Actor(BaseModel):
    """Who: the holder of a key, a person by the `sub` of his token, a user of the operating system, or with none of them the hub."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key_id: str | None = Field(None, pattern=r"^[0-9A-Za-z]{8}$")
    subject: str | None = None
    role: Role | None = None
    cli_user: str | None = None


class AuditEntry(BaseModel):
    """One entry. `request_id` is the same in all entries of one action.

    `target` names a thing as the API does, such as a node id; of ACCESS it is the route. Its `detail` has the `reason` of the denial and
    the number of `requests` that the entry stands for, of which it describes the last.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    at: AwareDatetime
    namespace: AuditedNamespace
    actor: Actor
    action: Action
    target: str
    outcome: Outcome
    request_id: str
    client_address: str | None = None
    detail: dict[str, str | int] = {}
