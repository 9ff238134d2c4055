"""What a benchmark runs against: a broker, topics, a namespace with a real key, all as a user would set them up."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lineagehub.broker.topics import apply_topics
from lineagehub.settings import KafkaSettings
from tests.bench.processes import run_lineagehub
from tests.support.broker import start_embedded_broker
from tests.support.kafka import start_kafka
from tests.support.limits import lift_limits

BROKERS = ("kafka", "embedded")


@dataclass(frozen=True, slots=True)
class Stack:
    """A broker with the contract's topics and one namespace without limits. `environment` configures our processes for it."""

    kafka: KafkaSettings
    environment: dict[str, str]
    secret_key: str
    namespace: str
    api_key: str
    directory: Path


@contextlib.contextmanager
def start_stack(broker: str, directory: Path) -> Iterator[Stack]:
    """Start a broker of this kind (one of BROKERS), make the topics and a key; stop the broker at the end."""
    with _start_broker(broker, directory) as kafka:
        asyncio.run(apply_topics(kafka))
        secret_key = secrets.token_hex(32)
        environment = {
            "LINEAGEHUB_KAFKA_BROKERS": kafka.brokers,
            "LINEAGEHUB_KAFKA_IDEMPOTENT": str(kafka.idempotent),
            "LINEAGEHUB_SECRET_KEY": secret_key,
            "LINEAGEHUB_WEB_PORT": "0",
        }
        keys = run_lineagehub(environment, "bootstrap", "--namespace", "bench", "--json")
        asyncio.run(lift_limits(kafka, secret_key, "bench"))
        yield Stack(kafka, environment, secret_key, "bench", keys["api_key"], directory)


@contextlib.contextmanager
def _start_broker(broker: str, directory: Path) -> Iterator[KafkaSettings]:
    if broker == "embedded":
        with start_embedded_broker() as embedded:
            yield embedded.settings()
    else:
        with start_kafka(directory) as kafka:
            yield KafkaSettings(brokers=kafka.bootstrap)
