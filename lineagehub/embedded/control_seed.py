"""The first namespace and keys, on the control topic: made by `lineagehub up` and `lineagehub bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lineagehub.auth.api_keys import ApiKey
from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role, SignatureAlgorithm
from lineagehub.contract.topics import CONTROL
from lineagehub.management.control_journal import ControlJournal
from lineagehub.management.control_plane import ControlPlane, open_control_plane
from lineagehub.settings import KafkaSettings


@dataclass(frozen=True, slots=True, repr=False)
class IssuedKeys:
    """Two fresh keys in clear, to be shown once: the namespace's owner, none while it is being deleted, and the platform's operator."""

    api_key: str
    operator_key: str


async def replay(journal: ControlJournal, kafka: KafkaSettings) -> None:
    """Produce the journal's records to a broker that has forgotten them. May be repeated; raises Unavailable."""
    async with Producer(kafka) as producer:
        for key, value in journal.records():
            await producer.send(kafka.topic_name(CONTROL), value, key=key)


async def issue_keys(
    kafka: KafkaSettings,
    secret_key: str,
    namespace: str,
    note: str,
    lifetime: timedelta,
    journal: ControlJournal | None,
    algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256,
) -> IssuedKeys:
    """Make the namespace unless it is there, and two fresh keys; return the keys. Raises Unavailable.

    `algorithm` is how the holder of the namespace's key signs Kafka records.
    Earlier keys stay valid until they expire: a terminal that holds one goes on working after a restart.
    """
    sealer = Sealer(secret_key)
    async with (
        Producer(kafka) as producer,
        open_control_plane(kafka, sealer, producer, journal.append if journal else None) as control,
    ):
        record = await _namespace(control, namespace)
        owner_key = ""
        if record is not None:
            owner_key = await _put(control, issue_key(record, Role.OWNER, "dev", sealer, note, lifetime, algorithm))
        operator_key = await _put(control, issue_key(None, Role.OPERATOR, "dev", sealer, note, lifetime))
    return IssuedKeys(owner_key, operator_key)


async def _put(control: ControlPlane, issued: tuple[ApiKey, ApiKeyRecord]) -> str:
    api_key, record = issued
    await control.put(record)
    return api_key.text


async def _namespace(control: ControlPlane, name: str) -> NamespaceRecord | None:
    """Return the namespace, made unless it is there; None while it is being deleted, which needs a running web."""
    while (record := control.directory.namespaces.get(name)) is None:
        former = control.directory.deleted_namespace(name)
        if former is not None and former.purged_at is None:
            return None
        await control.put(new_namespace(name, former))
    return record
