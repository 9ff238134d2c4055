"""A hub on Apache Kafka of its own for the foreign clients, so that all it has is what they sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.hub import Hub, start_hub
from tests.support.kafka import Kafka, kafka_or_skip

BOUND_TOPIC = "openlineage-events.demo"
"""Clients that write straight to Kafka cannot sign: what stands on this topic is the namespace `demo`'s."""


@pytest.fixture(scope="package")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka 4, KRaft, one node."""
    with kafka_or_skip(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="package")
def hub(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with a topic bound to its only namespace."""
    settings = {"LINEAGEHUB_KAFKA_BOUND_TOPICS": json.dumps({BOUND_TOPIC: "demo"})}
    with start_hub(tmp_path_factory.mktemp("hub"), "--kafka", kafka.bootstrap, settings=settings) as running:
        yield running


@pytest.fixture
def bound_topic() -> str:
    """The topic that is bound to the hub's namespace."""
    return BOUND_TOPIC
