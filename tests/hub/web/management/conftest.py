"""Webs with a control topic, tenant topics and a ClickHouse of this folder's own, so that deletions wait for nobody's records."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.control import Role
from lineagehub.contract.topics import AUDIT, CONTROL, OPENLINEAGE_EVENTS, OTEL_LOGS, OTEL_METRICS, OTEL_SPANS
from lineagehub.management import namespace_purge
from lineagehub.settings import Settings
from tests.hub.web.management.calling import Tenant, issue, send
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.support.broker import EmbeddedBroker
from tests.support.clickhouse import start_migrated_clickhouse

TOPICS = (OPENLINEAGE_EVENTS, OTEL_SPANS, OTEL_METRICS, OTEL_LOGS, AUDIT, CONTROL)


@pytest.fixture(scope="package", autouse=True)
def quick_purge() -> Iterator[None]:
    """A deletion waits half a second to be known everywhere: the webs of these tests know it at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(namespace_purge, "SETTLE_SECONDS", 0.5)
        patch.setattr(namespace_purge, "TAKE_OVER_SECONDS", (0.5, 1.0))
        yield


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def settings(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """What both webs share."""
    names = {topic.name: f"{topic.name}-{uuid.uuid4().hex[:8]}" for topic in TOPICS}
    kafka = broker.settings(topic_names=names)
    await apply_topics(kafka, TOPICS)
    with start_migrated_clickhouse(tmp_path_factory.mktemp("management")) as server:
        yield settings_for(kafka, server.url)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def hub(settings: Settings) -> AsyncIterator[RunningWeb]:
    """A web with an operator's key."""
    async with running_web(settings) as running:
        assert await running.parts.control_view.wait_complete(READY_SECONDS)
        await running.issue(None, Role.OPERATOR, "operator")
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def other(hub: RunningWeb, settings: Settings) -> AsyncIterator[RunningWeb]:
    """A second web on the same broker and store, with the keys of the first."""
    async with running_web(settings) as running:
        running.keys = hub.keys
        assert await running.parts.control_view.wait_complete(READY_SECONDS)
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def untouched(hub: RunningWeb) -> Tenant:
    """One namespace for all tests that only see requests refused."""
    return await _new_tenant(hub)


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(hub: RunningWeb) -> Tenant:
    """A new namespace with a key of each role."""
    return await _new_tenant(hub)


async def _new_tenant(hub: RunningWeb) -> Tenant:
    name = f"team-{uuid.uuid4().hex[:8]}"
    created = await send(hub, "POST", "/api/v1/namespaces", hub.keys["operator"], {"name": name})
    assert created.status == 201, created
    keys = {role.value: await issue(hub, name, role.value) for role in Role if role is not Role.OPERATOR}
    return Tenant(name, keys)
