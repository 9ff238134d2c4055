"""New and changed namespaces, and new keys, as control records. Called by `lineagehub up` (and by the management API when it comes)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from lineagehub.auth.api_keys import ApiKey, make_api_key
from lineagehub.auth.sealing import Sealer
from lineagehub.auth.signature_keys import stored_key
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role, SignatureAlgorithm

DEFAULT_KEY_LIFETIME = timedelta(days=365)


def new_namespace(name: str, display_name: str = "", description: str = "") -> NamespaceRecord:
    """Return the first revision of a namespace with a new identity. Raises pydantic's ValidationError on a bad name."""
    now = datetime.now(UTC)
    return NamespaceRecord(
        id=uuid4(),
        name=name,
        display_name=display_name or name,
        description=description,
        created_at=now,
        updated_at=now,
    )


def changed_namespace(record: NamespaceRecord, **changes: object) -> NamespaceRecord:
    """Return the next revision of a namespace with these fields changed. Raises pydantic's ValidationError on a bad value."""
    revised = {"revision": record.revision + 1, "updated_at": datetime.now(UTC)}
    return NamespaceRecord.model_validate(record.model_dump() | changes | revised)


def issue_key(
    namespace: NamespaceRecord | None,
    role: Role,
    environment: str,
    sealer: Sealer,
    note: str = "",
    lifetime: timedelta = DEFAULT_KEY_LIFETIME,
    algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256,
) -> tuple[ApiKey, ApiKeyRecord]:
    """Return a new key in clear, to be shown once, and the record to be stored. Nothing is written here.

    `algorithm` is how its holder signs Kafka records.
    """
    api_key = make_api_key(environment, algorithm)
    now = datetime.now(UTC)
    return api_key, ApiKeyRecord(
        kid=api_key.kid,
        namespace=namespace.name if namespace else None,
        namespace_id=namespace.id if namespace else None,
        role=role,
        digest=api_key.digest,
        signing_key=sealer.seal(stored_key(api_key), api_key.kid, algorithm),
        algorithm=algorithm,
        note=note,
        created_at=now,
        expires_at=now + lifetime,
    )
