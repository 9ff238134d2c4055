"""Namespaces, keys and signed records for tests: a directory as agents hold it, and whoever writes to Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lineagehub.auth.api_keys import ApiKey
from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role
from lineagehub.contract.headers import Envelope, derive_signing_key
from lineagehub.contract.keys import api_key_key, namespace_key

SECRET_KEY = "a secret key of the tests, long enough"  # 32 characters are asked for.


@dataclass
class Writer:
    """Someone who signs records: a tenant with an API key, or the hub."""

    namespace: str
    key_id: str
    signing_key: bytes

    def headers(
        self, topic: str, value: bytes, kind: str, event_id: str, timestamp_ms: int, namespace: str | None = None
    ) -> list[tuple[str, bytes]]:
        """Return the signed headers of a record; `namespace` may claim another one."""
        envelope = Envelope(namespace or self.namespace, self.key_id, event_id, timestamp_ms, kind)
        return envelope.to_headers(self.signing_key, topic, value)


class Tenancy:
    """A directory with the namespaces and keys that a test needs."""

    def __init__(self) -> None:
        self.sealer = Sealer(SECRET_KEY)
        self.directory = Directory(self.sealer)

    @property
    def hub(self) -> Writer:
        """The web, which may write for any namespace."""
        return Writer("analytics", HUB_KEY_ID, self.sealer.hub_signing_key)

    def namespace(self, name: str = "analytics") -> NamespaceRecord:
        """Return the namespace of this name, made if need be."""
        if name not in self.directory.namespaces:
            record = new_namespace(name)
            self.directory.apply(namespace_key(name), record.model_dump_json().encode())
        return self.directory.namespaces[name]

    def tenant(
        self, name: str = "analytics", role: Role = Role.WRITER, lifetime: timedelta = timedelta(days=365)
    ) -> tuple[Writer, ApiKey, ApiKeyRecord]:
        """Make a key of a namespace; return its holder, the key, and its record."""
        api_key, record = issue_key(self.namespace(name), role, "dev", self.sealer, lifetime=lifetime)
        self.put_key(record)
        return Writer(name, api_key.kid, derive_signing_key(api_key.secret, api_key.kid)), api_key, record

    def put_namespace(self, record: NamespaceRecord) -> None:
        """Let the directory know this record of a namespace."""
        self.directory.apply(namespace_key(record.name), record.model_dump_json().encode())

    def put_key(self, record: ApiKeyRecord) -> None:
        """Let the directory know this record of a key."""
        self.directory.apply(api_key_key(record.kid), record.model_dump_json().encode())
