"""The first namespace and keys, on the control topic: made by `lineagehub up` and `lineagehub bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import ControlWriter, read_control
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import Role, SignatureAlgorithm
from lineagehub.contract.topics import CONTROL
from lineagehub.embedded.control_journal import ControlJournal
from lineagehub.settings import KafkaSettings


@dataclass(frozen=True, slots=True, repr=False)
class IssuedKeys:
    """Two fresh keys in clear, to be shown once: the namespace's owner and the platform's operator."""

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
    directory = Directory(sealer)
    topic = kafka.topic_name(CONTROL)
    await read_control(kafka, directory.apply)
    async with Producer(kafka) as producer:
        writer = ControlWriter(producer, topic, journal.append if journal else None)
        record = directory.namespaces.get(namespace)
        if record is None:
            record = new_namespace(namespace)
            await writer.put_namespace(record)
        owner_key, owner_record = issue_key(record, Role.OWNER, "dev", sealer, note, lifetime, algorithm)
        operator_key, operator_record = issue_key(None, Role.OPERATOR, "dev", sealer, note, lifetime)
        await writer.put_key(owner_record)
        await writer.put_key(operator_record)
    return IssuedKeys(owner_key.text, operator_key.text)
