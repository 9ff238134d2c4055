"""The hub of the end-to-end tests: one `lineagehub up` with embedded parts for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.test_kill_telemetry import Scale
from tests.support import bound_topics
from tests.support.clock import Clock, make_clock
from tests.support.hub import Hub, start_hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A running hub, to be loaded."""
    with start_hub(tmp_path_factory.mktemp("hub"), settings=bound_topics.SETTINGS) as running:
        running.lift_limits()
        yield running


@pytest.fixture(scope="session")
def hub_arguments() -> tuple[str, ...]:
    """What a test that starts a hub of its own says to `lineagehub up`: nothing, so that all parts are embedded."""
    return ()


@pytest.fixture(scope="session")
def scale() -> Scale:
    """How much telemetry the kill -9 ledger sends: a tenth of what it sends on Apache Kafka."""
    return Scale(spans=100_000, points=20_000, kills=2)


@pytest.fixture
def clocked_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Clock]]:
    """A hub of the test's own, and the clock that all its processes go by."""
    clock = make_clock(tmp_path_factory.mktemp("clock"))
    with start_hub(tmp_path_factory.mktemp("clocked-hub"), settings=clock.environment) as running:
        yield running, clock
