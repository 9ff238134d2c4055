"""Real parts: Apache Kafka from Maven, and a hub that uses it. Skipped without Java and Maven, a failure in CI."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.test_kill_telemetry import Scale
from tests.support import bound_topics
from tests.support.clock import Clock, make_clock
from tests.support.hub import Hub, start_hub
from tests.support.kafka import Kafka, kafka_or_skip
from tests.support.secured_hub import SecuredHub, start_secured_hub
from tests.support.secured_kafka import secured_kafka_or_skip


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka 4, KRaft, one node."""
    with kafka_or_skip(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def hub(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub on real Kafka, to be loaded."""
    directory = tmp_path_factory.mktemp("hub")
    with start_hub(directory, "--kafka", kafka.bootstrap, settings=bound_topics.SETTINGS) as running:
        running.lift_limits()
        yield running


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredHub]:
    """A hub on Apache Kafka with SASL/SCRAM and ACLs, and two tenants."""
    with (
        secured_kafka_or_skip(tmp_path_factory.mktemp("secured-kafka")) as kafka,
        start_secured_hub(kafka, tmp_path_factory.mktemp("secured-hub")) as running,
    ):
        yield running


@pytest.fixture
def hub_arguments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """What a test that starts a hub of its own says to `lineagehub up`: a Kafka of its own, since agents of two hubs would share groups."""
    with kafka_or_skip(tmp_path_factory.mktemp("kafka")) as running:
        yield ("--kafka", running.bootstrap)


@pytest.fixture(scope="session")
def scale() -> Scale:
    """How much telemetry the kill -9 ledger sends."""
    return Scale(spans=1_000_000, points=200_000, kills=5)


@pytest.fixture
def clocked_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Clock]]:
    """A hub and a Kafka of the test's own, and the clock that all their processes go by."""
    clock = make_clock(tmp_path_factory.mktemp("clock"))
    directory = tmp_path_factory.mktemp("clocked-hub")
    with (
        kafka_or_skip(tmp_path_factory.mktemp("clocked-kafka"), clock.environment) as kafka,
        start_hub(directory, "--kafka", kafka.bootstrap, settings=clock.environment) as running,
    ):
        yield running, clock
