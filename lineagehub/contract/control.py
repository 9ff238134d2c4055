"""Records of the compacted control topic: namespaces and keys. The whole topic is held in memory by web and agents.

Written by the web's management API and by `lineagehub up`; a null value (tombstone) deletes. `revision` grows by one with
each change of a record. Secrets never stand here in clear: a key's digest, and its signing key encrypted.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lineagehub.contract.namespaces import Namespace
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
    AUDIT_READ = "audit:read"
    PLATFORM_OPERATE = "platform:operate"


_READ = frozenset({Scope.LINEAGE_READ, Scope.TELEMETRY_READ})
ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset(Scope) - {Scope.PLATFORM_OPERATE},
    Role.ADMIN: frozenset(Scope) - {Scope.PLATFORM_OPERATE, Scope.AUDIT_READ},
    Role.WRITER: frozenset({Scope.INGEST_WRITE}),
    Role.READER: _READ,
    Role.OPERATOR: frozenset({Scope.PLATFORM_OPERATE, Scope.AUDIT_READ}),
}


RetentionDays = Annotated[int, Field(ge=1, le=3650)]
DEFAULT_RETENTION_DAYS = 30


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: int = Field(ge=1, default=1)


class NamespaceRecord(_Record):
    """One tenant.

    `id` is its identity: a deleted and re-created name is another namespace. `signal_retention_days` goes before
    `retention_days` for the signals in it.
    """

    id: UUID
    name: Namespace
    display_name: str = ""
    description: str = ""
    owners: tuple[str, ...] = ()
    job_namespaces: tuple[str, ...] = ()
    discoverable: bool = False
    retention_days: RetentionDays = DEFAULT_RETENTION_DAYS
    signal_retention_days: dict[Signal, RetentionDays] = {}
    tags: dict[str, str] = {}
    created_at: AwareDatetime
    updated_at: AwareDatetime

    def retention_days_of(self, signal: Signal) -> int:
        """Return how long data of a signal are kept, in days."""
        return self.signal_retention_days.get(signal, self.retention_days)


class ApiKeyRecord(_Record):
    """One API key.

    `digest` is SHA-256 (hex) of the whole key; `signing_key` is what verifies its records, encrypted under the hub's secret (base64):
    K itself for HMAC, the public key only for Ed25519. `namespace` is None for the platform operator's keys only.
    """

    kid: str = Field(pattern=r"^[0-9A-Za-z]{8}$")
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

    def is_valid_at(self, moment: datetime) -> bool:
        """Tell whether the key was live at `moment` (aware UTC): not expired and not yet revoked."""
        return (self.expires_at is None or moment < self.expires_at) and (
            self.revoked_at is None or moment < self.revoked_at
        )
