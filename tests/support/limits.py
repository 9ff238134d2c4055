"""Limits of a namespace that a test or a benchmark loads with more than the defaults allow."""

from __future__ import annotations

from datetime import UTC, datetime

from lineagehub.auth.directory import Directory
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import ControlWriter, read_control
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import LimitsRecord
from lineagehub.contract.limits import LARGEST, Limits
from lineagehub.contract.topics import CONTROL
from lineagehub.settings import KafkaSettings

UNLIMITED = Limits(
    events_per_day=LARGEST,
    requests_per_second=LARGEST,
    burst=LARGEST,
    bytes_per_second=LARGEST,
    reads_per_second=LARGEST,
)


async def lift_limits(kafka: KafkaSettings, secret_key: str, namespace: str) -> None:
    """Write that a namespace has no limits worth the name, for webs that start afterwards; no web need run."""
    await write_limits(kafka, secret_key, namespace, UNLIMITED)


async def write_limits(kafka: KafkaSettings, secret_key: str, namespace: str, limits: Limits) -> None:
    """Write the first limits of a namespace to the control topic; no web need run."""
    directory = Directory(Sealer(secret_key))
    await read_control(kafka, directory.apply)
    record = LimitsRecord(
        namespace=namespace,
        namespace_id=directory.namespaces[namespace].id,
        limits=limits,
        updated_at=datetime.now(UTC),
    )
    async with Producer(kafka) as producer:
        await ControlWriter(producer, kafka.topic_name(CONTROL)).put(record)
