"""One embedded broker for the whole folder; each test uses topics of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, start_embedded_broker


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker that no test kills."""
    with start_embedded_broker() as running:
        yield running


@pytest.fixture
def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    """Settings that lead to it."""
    return broker.settings()
