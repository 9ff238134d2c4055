"""New and changed records of namespaces and keys. Called by management and by `lineagehub up`; nothing is written here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from lineagehub.auth.api_keys import ApiKey, make_api_key
from lineagehub.auth.sealing import Sealer
from lineagehub.auth.signature_keys import stored_key
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role, SignatureAlgorithm

DEFAULT_KEY_LIFETIME = timedelta(days=365)


def new_namespace(name: str, former: NamespaceRecord | None = None, **fields: Any) -> NamespaceRecord:
    """Return the first revision of a namespace with a new identity, or the next of a deleted and purged `former` one's name.

    Raises pydantic's ValidationError on a bad name.
    """
    now = datetime.now(UTC)
    return NamespaceRecord(
        id=uuid4(),
        revision=former.revision + 1 if former else 1,
        name=name,
        created_at=now,
        updated_at=now,
        not_before=former.purged_at if former else None,
        **{"display_name": name, **fields},
    )


def changed_namespace(record: NamespaceRecord, **changes: object) -> NamespaceRecord:
    """Return the next revision of a namespace with these fields changed. Raises pydantic's ValidationError on a bad value."""
    revised = {"revision": record.revision + 1, "repair": 0, "updated_at": datetime.now(UTC)}
    return NamespaceRecord.model_validate(record.model_dump() | changes | revised)


def changed_key(record: ApiKeyRecord, **changes: object) -> ApiKeyRecord:
    """Return the next revision of a key with these fields changed. Raises pydantic's ValidationError on a bad value."""
    return ApiKeyRecord.model_validate(record.model_dump() | changes | {"revision": record.revision + 1, "repair": 0})


def issue_key(
    namespace: NamespaceRecord | None,
    role: Role,
    environment: str,
    sealer: Sealer,
    note: str = "",
    lifetime: timedelta | None = DEFAULT_KEY_LIFETIME,
    algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256,
    rotated_from: str | None = None,
) -> tuple[ApiKey, ApiKeyRecord]:
    """Return a new key in clear, to be shown once, and the record to be stored. A `lifetime` of None does not end.

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
        expires_at=now + lifetime if lifetime is not None else None,
        rotated_from=rotated_from,
    )
