"""Records of the compacted control topic: namespaces, keys, limits and webhooks. The whole topic is held in memory by web and agents.

Several processes write to it at once, and the log decides. `revision` grows by one with each change. A reader takes a record when it
goes before the one it holds (`precedence`), and passes it over otherwise: of two changes of one revision, the first in the log is in force
everywhere. Compaction keeps the last record of a key, which may be the one that lost: so what is in force is written again behind it, with
`repair` one higher (management/control_plane.py). A deleted namespace is a record with `deleted_at`: a null value would let a late change
of somebody else's bring it back. The hub writes no null values; one is the operator's last resort, and forgets the key whole.

Secrets never stand here in clear: a key's digest, and its signing key encrypted; of a webhook, URL and secret. A member that this
version does not know is kept through a change.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lineagehub.contract.alerts import AlertKind
from lineagehub.contract.limits import Limits
from lineagehub.contract.namespaces import Namespace
from lineagehub.contract.sharing import SharedDatasets
from lineagehub.contract.signals import Signal


class Role(StrEnum):
    """What a key's holder is to its namespace. A writer cannot read; `operator` is the platform's, above all of them."""

    OWNER = "owner"
    ADMIN = "admin"
    WRITER = "writer"
    READER = "reader"
    OPERATOR = "operator"


class SignatureAlgorithm(StrEnum):
    """How the holder of a key signs Kafka records. The key's record says it, never a header: nobody can ask for the weaker one."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"


class Scope(StrEnum):
    """One thing that a key may do."""

    INGEST_WRITE = "ingest:write"
    LINEAGE_READ = "lineage:read"
    TELEMETRY_READ = "telemetry:read"
    DEAD_LETTERS_READ = "dlq:read"
    DEAD_LETTERS_WRITE = "dlq:write"
    NAMESPACE_ADMIN = "ns:admin"
    NAMESPACE_READ = "ns:read"
    NAMESPACE_WRITE = "ns:write"
    NAMESPACE_OWN = "ns:own"
    AUDIT_READ = "audit:read"
    PLATFORM_OPERATE = "platform:operate"


_READ = frozenset({Scope.LINEAGE_READ, Scope.TELEMETRY_READ, Scope.NAMESPACE_READ})
_OWNER = frozenset(Scope) - {Scope.PLATFORM_OPERATE}
ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: _OWNER,
    Role.ADMIN: _OWNER - {Scope.NAMESPACE_OWN, Scope.AUDIT_READ},
    Role.WRITER: frozenset({Scope.INGEST_WRITE}),
    Role.READER: _READ,
    Role.OPERATOR: frozenset(
        {
            Scope.PLATFORM_OPERATE,
            Scope.NAMESPACE_READ,
            Scope.NAMESPACE_WRITE,
            Scope.NAMESPACE_OWN,
            Scope.AUDIT_READ,
            Scope.DEAD_LETTERS_READ,
            Scope.DEAD_LETTERS_WRITE,
        }
    ),
}
"""The operator manages every namespace and reads the data of none; of dead letters he has those that no namespace has."""


RetentionDays = Annotated[int, Field(ge=1, le=3650)]
DEFAULT_RETENTION_DAYS = 30
KeyId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{8}$")]

Precedence = tuple[int, int]


class ControlRecord(BaseModel):
    """What all records have. `repair` counts how often this revision was written again behind a change that lost against it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    revision: int = Field(ge=1, default=1)
    repair: int = Field(ge=0, default=0)

    @property
    def precedence(self) -> Precedence:
        """What decides between two records of one key: the greater is in force, of two equal ones the first in the log."""
        return self.revision, self.repair


def precedence_of(value: bytes) -> Precedence:
    """Return the precedence of a record as it stands on the topic; the least for what is no record."""
    try:
        return ControlRecord.model_validate_json(value).precedence
    except ValidationError:
        return 0, 0


class NamespaceRecord(ControlRecord):
    """One tenant.

    `id` is its identity: a deleted and re-created name is another namespace, though its revisions go on. `signal_retention_days` goes
    before `retention_days` for the signals in it. `shared_datasets` are shared while it is `discoverable`. `deleted_at`: its keys are dead;
    `purged_at`: its data are gone, too. `not_before`: what the broker took earlier under this name is of a former namespace that was
    deleted; None for a name that never was.
    """

    id: UUID
    name: Namespace
    display_name: str = ""
    description: str = ""
    owners: tuple[str, ...] = ()
    job_namespaces: tuple[str, ...] = ()
    discoverable: bool = False
    shared_datasets: SharedDatasets = ()
    retention_days: RetentionDays = DEFAULT_RETENTION_DAYS
    signal_retention_days: dict[Signal, RetentionDays] = {}
    tags: dict[str, str] = {}
    created_at: AwareDatetime
    updated_at: AwareDatetime
    deleted_at: AwareDatetime | None = None
    purged_at: AwareDatetime | None = None
    not_before: AwareDatetime | None = None

    def retention_days_of(self, signal: Signal) -> int:
        """Return how long data of a signal are kept, in days."""
        return self.signal_retention_days.get(signal, self.retention_days)

    def takes(self, moment: datetime) -> bool:
        """Tell whether what the broker took at `moment` (aware UTC) is this namespace's: nothing is once it is deleted."""
        return self.deleted_at is None and (self.not_before is None or moment >= self.not_before)


class ApiKeyRecord(ControlRecord):
    """One API key.

    `digest` is SHA-256 (hex) of the whole key; `signing_key` is what verifies its records, encrypted under the hub's secret (base64):
    K itself for HMAC, the public key only for Ed25519. `namespace` is None for the platform operator's keys only. A rotated key
    and the one that took its place name each other.
    """

    kid: KeyId
    namespace: Namespace | None
    namespace_id: UUID | None
    role: Role
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    signing_key: str
    algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256
    note: str = ""
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    rotated_from: KeyId | None = None
    rotated_to: KeyId | None = None

    def is_valid_at(self, moment: datetime) -> bool:
        """Tell whether the key was live at `moment` (aware UTC): not expired and not yet revoked."""
        return (self.expires_at is None or moment < self.expires_at) and (
            self.revoked_at is None or moment < self.revoked_at
        )


class LimitsRecord(ControlRecord):
    """What a namespace may use, where that differs from the hub's defaults; and single keys of it, where they differ from it.

    Those of a former namespace of the same name, with another id, are void.
    """

    namespace: Namespace
    namespace_id: UUID
    limits: Limits = Limits()
    keys: dict[KeyId, Limits] = {}
    updated_at: AwareDatetime


class WebhookFormat(StrEnum):
    """How a webhook is spoken to: as Slack's incoming webhooks are, or in JSON of the hub's own (contract/alerts.py), signed."""

    SLACK = "slack"
    JSON = "json"


class Webhook(BaseModel):
    """Where alerts go. `sealed` is URL and secret, encrypted under the hub's secret: whoever has the URL of Slack's may post there.

    `id` is a MAC of the URL: the same place keeps its id through a change. `host` is for people.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    format: WebhookFormat
    host: str
    alerts: tuple[AlertKind, ...]
    sealed: str


class WebhooksRecord(ControlRecord):
    """Where the alerts of a namespace go. That of a former namespace of the same name, with another id, is void."""

    namespace: Namespace
    namespace_id: UUID
    webhooks: tuple[Webhook, ...] = ()
    updated_at: AwareDatetime
