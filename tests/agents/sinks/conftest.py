"""What a Marquez sink needs around it: a broker for its forward-once table, and a strict Marquez."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import MARQUEZ_FORWARDED
from lineagehub.settings import KafkaSettings
from tests.support.broker import start_embedded_broker
from tests.support.marquez import StrictMarquez, start_strict_marquez


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaSettings]:
    """Settings of a running broker."""
    with start_embedded_broker() as running:
        yield running.settings()


@pytest.fixture(scope="module")
async def kafka(broker: KafkaSettings) -> KafkaSettings:
    """Settings of a running broker that has the topic of the forward-once table."""
    await apply_topics(broker, [MARQUEZ_FORWARDED])
    return broker


@pytest.fixture
async def marquez() -> AsyncIterator[StrictMarquez]:
    """A Marquez."""
    async with start_strict_marquez() as running:
        yield running
