"""A hub on Apache Kafka of its own for the foreign clients, so that all it has is what they sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import bound_topics
from tests.support.hub import Hub, start_hub
from tests.support.kafka import Kafka, kafka_or_skip
from tests.support.sdk_pages import build_wheel


@pytest.fixture(scope="package")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka 4, KRaft, one node."""
    with kafka_or_skip(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="package")
def hub(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with topics that are bound to a namespace."""
    directory = tmp_path_factory.mktemp("hub")
    with start_hub(directory, "--kafka", kafka.bootstrap, settings=bound_topics.SETTINGS) as running:
        yield running


@pytest.fixture(scope="package")
def sdk_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's wheel, of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))
