"""One embedded broker for the whole folder; each test uses a topic of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import REPLICAS
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, start_embedded_broker


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker that no test kills."""
    with start_embedded_broker() as running:
        yield running


@pytest.fixture
async def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    """Settings that lead to it, with a topic of replicas of the test's own."""
    kafka = broker.settings(topic_names={REPLICAS.name: f"replicas-{uuid.uuid4().hex[:8]}"})
    await apply_topics(kafka, (REPLICAS,))
    return kafka
