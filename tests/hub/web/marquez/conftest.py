"""A web over a store that holds the history, and a way to ask it as Marquez is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from yarl import URL

from tests.hub.web.marquez.history import events, other_tenants_events, store
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.support.clickhouse import start_migrated_clickhouse


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def marquez(web: RunningWeb, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningWeb]:
    """A web whose ClickHouse holds the history in team-a, and the other tenant's in team-b."""
    with start_migrated_clickhouse(tmp_path_factory.mktemp("marquez")) as server:
        async with running_web(settings_for(web.settings.kafka, server.url)) as running:
            running.keys = web.keys
            assert await running.parts.control_view.wait_complete(READY_SECONDS)
            clickhouse = running.parts.clickhouse
            await store(clickhouse, "team-a", events())
            await store(clickhouse, "team-b", other_tenants_events())
            yield running


async def ask(marquez: RunningWeb, path: str, role: str = "reader", api: str = "/marquez/api/v1") -> tuple[int, Any]:
    """Return status and body of a GET; the path and its query go over the wire as they are."""
    url = URL(f"{marquez.url}{api}{path}", encoded=True)
    async with marquez.client.get(url, headers=marquez.headers(role)) as answer:
        return answer.status, await answer.json()


async def read(marquez: RunningWeb, path: str, **more: str) -> Any:
    """Return the body of a GET that succeeds."""
    status, body = await ask(marquez, path, **more)
    assert status == 200, body
    return body
