"""Namespaces, keys and signed records for tests: a directory as agents hold it, and whoever writes to Kafka."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta

from lineagehub_sdk import _wire

from lineagehub.auth.api_keys import ApiKey
from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role, SignatureAlgorithm
from lineagehub.contract.headers import Envelope
from lineagehub.contract.keys import api_key_key, namespace_key

SECRET_KEY = "a secret key of the tests, long enough"  # 32 characters are asked for.


@dataclass
class Writer:
    """Someone who signs records: a tenant with an API key, by what the SDK signs with, or the hub."""

    namespace: str
    key_id: str
    sign: _wire.Sign

    @classmethod
    def of_key(cls, namespace: str, api_key: ApiKey) -> Writer:
        """Return the holder of an API key."""
        return cls(namespace, *_wire.signer(api_key.text))

    @classmethod
    def with_hmac_key(cls, namespace: str, key_id: str, key: bytes) -> Writer:
        """Return who holds a key of HMAC, such as the hub."""
        return cls(namespace, key_id, lambda message: hmac.digest(key, message, "sha256"))

    def headers(
        self, topic: str, value: bytes, kind: str, event_id: str, timestamp_ms: int, namespace: str | None = None
    ) -> list[tuple[str, bytes]]:
        """Return the signed headers of a record; `namespace` may claim another one."""
        envelope = Envelope(namespace or self.namespace, self.key_id, event_id, timestamp_ms, kind)
        return envelope.headers_with(self.sign(envelope.signed_message(topic, value)))


class Tenancy:
    """A directory with the namespaces and keys that a test needs."""

    def __init__(self) -> None:
        self.sealer = Sealer(SECRET_KEY)
        self.directory = Directory(self.sealer)

    @property
    def hub(self) -> Writer:
        """The web, which may write for any namespace."""
        return Writer.with_hmac_key("analytics", HUB_KEY_ID, self.sealer.hub_signing_key)

    def namespace(self, name: str = "analytics") -> NamespaceRecord:
        """Return the namespace of this name, made if need be."""
        if name not in self.directory.namespaces:
            record = new_namespace(name)
            self.directory.apply(namespace_key(name), record.model_dump_json().encode())
        return self.directory.namespaces[name]

    def tenant(
        self,
        name: str = "analytics",
        role: Role = Role.WRITER,
        lifetime: timedelta = timedelta(days=365),
        algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256,
    ) -> tuple[Writer, ApiKey, ApiKeyRecord]:
        """Make a key of a namespace; return its holder, the key, and its record."""
        api_key, record = issue_key(
            self.namespace(name), role, "dev", self.sealer, lifetime=lifetime, algorithm=algorithm
        )
        self.put_key(record)
        return Writer.of_key(name, api_key), api_key, record

    def put_namespace(self, record: NamespaceRecord) -> None:
        """Let the directory know this record of a namespace."""
        self.directory.apply(namespace_key(record.name), record.model_dump_json().encode())

    def put_key(self, record: ApiKeyRecord) -> None:
        """Let the directory know this record of a key."""
        self.directory.apply(api_key_key(record.kid), record.model_dump_json().encode())
