"""The directory of namespaces and keys: the control topic's records in memory, and the questions asked of them.

Fed by a CompactedView (broker/compacted_view.py) in web and agents; changes are effective as soon as their record arrives.
Never writes: broker/control.py does.
"""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from pydantic import ValidationError

from lineagehub.auth.api_keys import MAXIMUM_LENGTH, digest_of
from lineagehub.auth.principal import Principal
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.auth.signature_keys import HmacKey, VerificationKey, verification_key
from lineagehub.contract.control import ROLE_SCOPES, ApiKeyRecord, NamespaceRecord

log = structlog.get_logger(__name__)


class Directory:
    """Namespaces by name, keys by digest and by key id. All methods are in-memory and immediate."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self.namespaces: dict[str, NamespaceRecord] = {}
        self._keys: dict[str, ApiKeyRecord] = {}
        self._holders: dict[str, tuple[ApiKeyRecord, Principal]] = {}
        self._verification_keys: dict[str, VerificationKey] = {HUB_KEY_ID: HmacKey(sealer.hub_signing_key)}

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the control topic; a malformed one is logged and passed over, as it must not stop the rest."""
        kind, _, name = key.decode(errors="replace").partition(":")
        try:
            if kind == "namespace":
                self._apply_namespace(name, value)
            elif kind == "key":
                self._apply_key(name, value)
        except ValidationError as error:
            log.error(
                "A control record cannot be read; it is ignored.", key=f"{kind}:{name}", error=error.errors()[0]["msg"]
            )

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

    def verification_key(self, kid: str) -> VerificationKey | None:
        """Return the key that verifies records signed with `kid` (the hub's own included), or None if unknown."""
        return self._verification_keys.get(kid)

    def _namespace_is_live(self, record: ApiKeyRecord) -> bool:
        if record.namespace is None:
            return True
        namespace = self.namespaces.get(record.namespace)
        return namespace is not None and namespace.id == record.namespace_id

    def _apply_namespace(self, name: str, value: bytes | None) -> None:
        if value is None:
            self.namespaces.pop(name, None)
            return
        record = NamespaceRecord.model_validate_json(value)
        if record.name != name:
            _log_unreadable(f"namespace:{name}", f"It is a record of {record.name!r}.")
            return
        self.namespaces[name] = record

    def _apply_key(self, kid: str, value: bytes | None) -> None:
        record = None if value is None else ApiKeyRecord.model_validate_json(value)
        if record is not None and record.kid != kid:
            _log_unreadable(f"key:{kid}", f"It is a record of {record.kid!r}.")
            return
        former = self._keys.pop(kid, None)
        if former is not None:
            self._holders.pop(former.digest, None)
            self._verification_keys.pop(kid, None)
        if record is None:
            return
        self._keys[kid] = record
        principal = Principal(record.kid, record.role, record.namespace, ROLE_SCOPES[record.role])
        self._holders[record.digest] = (record, principal)
        opened = self._sealer.open(record.signing_key, kid, record.algorithm)
        if opened is None:
            log.error(
                "A signing key was sealed under another LINEAGEHUB_SECRET_KEY; its Kafka records are refused.", kid=kid
            )
        else:
            self._verification_keys[kid] = verification_key(record.algorithm, opened)


def _log_unreadable(key: str, fault: str) -> None:
    log.error("A control record cannot be read; it is ignored.", key=key, error=fault)
