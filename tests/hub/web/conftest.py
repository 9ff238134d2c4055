"""The web of these tests, for the whole session: the embedded broker behind it and a reader of what it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import OPENLINEAGE_EVENTS, OTEL_LOGS, OTEL_METRICS, OTEL_SPANS
from tests.hub.web.running import READY_SECONDS, Records, RunningWeb, following, issue_keys, running_web, settings_for
from tests.support.broker import EmbeddedBroker, start_embedded_broker
from tests.support.clickhouse import start_migrated_clickhouse


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """The broker of all tests that do not kill it."""
    with start_embedded_broker() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def web(broker: EmbeddedBroker) -> AsyncIterator[RunningWeb]:
    """The web of all tests that need no special settings."""
    kafka = broker.settings()
    await apply_topics(kafka)
    async with running_web(settings_for(kafka)) as running:
        await issue_keys(running)
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def records(web: RunningWeb) -> AsyncIterator[Records]:
    """What the web wrote."""
    topics = (OPENLINEAGE_EVENTS, OTEL_SPANS, OTEL_METRICS, OTEL_LOGS)
    async with following(web.settings.kafka, topics) as reader:
        yield reader


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reading_web(web: RunningWeb, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningWeb]:
    """A web with the session's keys and a migrated ClickHouse of its own, empty for each file of tests."""
    with start_migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        async with running_web(settings_for(web.settings.kafka, server.url)) as running:
            running.keys = web.keys
            assert await running.parts.control_view.wait_complete(READY_SECONDS)
            yield running
