"""The directory of namespaces, keys and limits: the control topic's records in memory, and the questions asked of them.

Fed by a CompactedView (broker/compacted_view.py) in web and agents; changes are effective as soon as their record arrives. Which of
two changes is in force is decided here, the same in every process (contract/control.py). Never writes: management/control_plane.py does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, auto

import structlog
from pydantic import ValidationError

from lineagehub.auth.api_keys import MAXIMUM_LENGTH, digest_of
from lineagehub.auth.principal import Principal
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.auth.sharing import SharedDatasetIndex
from lineagehub.auth.signature_keys import HmacKey, VerificationKey, verification_key
from lineagehub.contract.control import (
    ROLE_SCOPES,
    ApiKeyRecord,
    ControlRecord,
    LimitsRecord,
    NamespaceRecord,
    WebhooksRecord,
)
from lineagehub.contract.keys import limits_key, webhooks_key

log = structlog.get_logger(__name__)

_MODELS: dict[str, tuple[type[ControlRecord], str]] = {
    "namespace": (NamespaceRecord, "name"),
    "key": (ApiKeyRecord, "kid"),
    "limits": (LimitsRecord, "namespace"),
    "webhooks": (WebhooksRecord, "namespace"),
}
"""By what a record's key begins with: its model, and the field that its key ends with."""


class Verdict(Enum):
    """What became of a record that was read: it is in force, it is what is in force already, it came too late, or it is none of ours."""

    TAKEN = auto()
    REPEATED = auto()
    LATE = auto()
    UNREADABLE = auto()


class Directory:
    """Namespaces by name, keys by digest and by key id, limits by namespace. All methods are in-memory and immediate.

    `namespaces` has the live ones, `shared_datasets` what they share. `contested` has the record keys whose last record in the log is
    not the one in force.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self.hub_signing_key = sealer.hub_signing_key
        self._records: dict[bytes, ControlRecord] = {}
        self.contested: set[bytes] = set()
        self.namespaces: dict[str, NamespaceRecord] = {}
        self.shared_datasets = SharedDatasetIndex()
        self._ended: dict[str, NamespaceRecord] = {}
        self._keys: dict[str, ApiKeyRecord] = {}
        self._holders: dict[str, tuple[ApiKeyRecord, Principal]] = {}
        self._verification_keys: dict[str, VerificationKey] = {HUB_KEY_ID: HmacKey(sealer.hub_signing_key)}

    def apply(self, key: bytes, value: bytes | None) -> Verdict:
        """Take in one record of the control topic; a malformed one is logged and passed over, as it must not stop the rest."""
        if value is None:
            self._forget(key)
            return Verdict.TAKEN
        record = _read(key, value)
        if record is None:
            return Verdict.UNREADABLE
        held = self._records.get(key)
        if held is not None and record.precedence <= held.precedence:
            if record == held:
                self.contested.discard(key)
                return Verdict.REPEATED
            self.contested.add(key)
            return Verdict.LATE
        self._forget(key)
        self._records[key] = record
        if isinstance(record, NamespaceRecord):
            self._take_namespace(record)
        elif isinstance(record, ApiKeyRecord):
            self._take_key(record)
        return Verdict.TAKEN

    def record(self, key: bytes) -> ControlRecord | None:
        """Return the record in force under a key of the control topic."""
        return self._records.get(key)

    def deleted_namespace(self, name: str) -> NamespaceRecord | None:
        """Return the record of a namespace that is deleted, and not made again."""
        return self._ended.get(name)

    def unpurged_namespaces(self) -> list[NamespaceRecord]:
        """Return the deleted namespaces whose data are not yet gone."""
        return [record for record in self._ended.values() if record.purged_at is None]

    def limits(self, namespace: NamespaceRecord) -> LimitsRecord | None:
        """Return the limits set for this namespace, which are never those of a former one of its name."""
        record = self._records.get(limits_key(namespace.name))
        return record if isinstance(record, LimitsRecord) and record.namespace_id == namespace.id else None

    def webhooks(self, namespace: NamespaceRecord) -> WebhooksRecord | None:
        """Return the webhooks set for this namespace, which are never those of a former one of its name."""
        record = self._records.get(webhooks_key(namespace.name))
        return record if isinstance(record, WebhooksRecord) and record.namespace_id == namespace.id else None

    def takes(self, name: str, moment: datetime) -> bool:
        """Tell whether what the broker took at `moment` under this name may be stored: a name that is not known may be new."""
        record = self.namespaces.get(name) or self._ended.get(name)
        return record is None or record.takes(moment)

    def authenticate(self, text: str, moment: datetime | None = None) -> Principal | None:
        """Return the principal of an API key in clear, or None if it is malformed, unknown, expired or revoked.

        Work is constant, 2 us: one digest, one look-up by it. Nothing is remembered between calls but the records themselves,
        so that a revocation takes effect with its record.
        """
        if len(text) > MAXIMUM_LENGTH or not text.isascii():
            return None
        record, principal = self._holders.get(digest_of(text), (None, None))
        if record is None or not record.is_valid_at(moment or datetime.now(UTC)) or not self._namespace_is_live(record):
            return None
        return principal

    def find_key(self, text: str) -> ApiKeyRecord | None:
        """Return the record of an API key in clear, live or not, or None if it is unknown."""
        if len(text) > MAXIMUM_LENGTH or not text.isascii():
            return None
        return self._holders.get(digest_of(text), (None, None))[0]

    def key(self, kid: str) -> ApiKeyRecord | None:
        """Return the record of a key id, live or not."""
        return self._keys.get(kid)

    def keys(self) -> list[ApiKeyRecord]:
        """Return all key records."""
        return list(self._keys.values())

    def keys_of(self, namespace: NamespaceRecord) -> list[ApiKeyRecord]:
        """Return the key records of this namespace, and none of a former one of its name."""
        return [record for record in self._keys.values() if record.namespace_id == namespace.id]

    def verification_key(self, kid: str) -> VerificationKey | None:
        """Return the key that verifies records signed with `kid` (the hub's own included), or None if unknown."""
        return self._verification_keys.get(kid)

    def is_of_former_namespace(self, key: ApiKeyRecord) -> bool:
        """Tell whether a key's namespace was deleted and made again: the key is nothing to the new one, though it has the name."""
        record = self.namespaces.get(key.namespace or "")
        return record is not None and record.id != key.namespace_id

    def _namespace_is_live(self, record: ApiKeyRecord) -> bool:
        if record.namespace is None:
            return True
        namespace = self.namespaces.get(record.namespace)
        return namespace is not None and namespace.id == record.namespace_id

    def _forget(self, key: bytes) -> None:
        record = self._records.pop(key, None)
        self.contested.discard(key)
        if isinstance(record, NamespaceRecord):
            self.namespaces.pop(record.name, None)
            self._ended.pop(record.name, None)
            self.shared_datasets.remove(record.name)
        elif isinstance(record, ApiKeyRecord):
            self._keys.pop(record.kid)
            self._holders.pop(record.digest, None)
            self._verification_keys.pop(record.kid, None)

    def _take_namespace(self, record: NamespaceRecord) -> None:
        if record.deleted_at is not None:
            self._ended[record.name] = record
            return
        self.namespaces[record.name] = record
        self.shared_datasets.put(record)

    def _take_key(self, record: ApiKeyRecord) -> None:
        self._keys[record.kid] = record
        principal = Principal(record.kid, record.role, record.namespace, ROLE_SCOPES[record.role])
        self._holders[record.digest] = (record, principal)
        opened = self._sealer.open(record.signing_key, record.kid, record.algorithm)
        if opened is None:
            log.error(
                "A signing key was sealed under another LINEAGEHUB_SECRET_KEY; its Kafka records are refused.",
                kid=record.kid,
            )
        else:
            self._verification_keys[record.kid] = verification_key(record.algorithm, opened)


def _read(key: bytes, value: bytes) -> ControlRecord | None:
    """Return the record, or None for one that is none of ours or says that it belongs under another key."""
    kind, _, name = key.decode(errors="replace").partition(":")
    model, field = _MODELS.get(kind, (None, ""))
    if model is None:
        return None
    try:
        record = model.model_validate_json(value)
    except ValidationError as error:
        fault = error.errors()[0]["msg"]
    else:
        named = str(getattr(record, field))
        if named == name:
            return record
        fault = f"It is a record of {named!r}."
    log.error("A control record cannot be read; it is ignored.", key=f"{kind}:{name}", error=fault)
    return None
