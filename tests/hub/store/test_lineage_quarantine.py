"""Quarantined facets are named beside the event, which stays as it came; an event without any names none."""

from __future__ import annotations

import uuid

import pytest

from lineagehub.settings import ClickHouseSettings
from lineagehub.store import migrate
from lineagehub.store.client import ClickHouse
from tests.hub.store.conftest import insert_event
from tests.support.clickhouse import EmbeddedClickHouse

EVENT = b'{"eventTime":"2026-11-24T10:00:00Z", "run":{"runId":"01941f29-7c00-7087-8940-40e5d549bbd4","facets":{"parent":null}}}'


@pytest.mark.parametrize(
    "quarantined", [(), ("/run/facets/parent",), ("/a~1b/\N{SNOWMAN}", "/inputs/4999/facets/schema")]
)
async def test_the_pointers_stand_beside_the_untouched_event(
    clickhouse: ClickHouse, quarantined: tuple[str, ...]
) -> None:
    namespace, event_id = f"quarantine-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    await insert_event(clickhouse, namespace, event_id, EVENT, quarantined_facets=quarantined)
    rows = await clickhouse.select(
        "SELECT EventId, Event, QuarantinedFacets FROM read_lineage_events(ns = {ns:String})", {"ns": namespace}
    )
    assert rows == [{"EventId": event_id, "Event": EVENT.decode(), "QuarantinedFacets": list(quarantined)}]


async def test_the_migration_may_be_applied_again_over_itself(server: EmbeddedClickHouse) -> None:
    settings = ClickHouseSettings(url=server.url, database="quarantine_twice")
    async with ClickHouse(settings) as client:
        await client.execute("CREATE DATABASE quarantine_twice", database="")
        for migration in migrate.all_migrations():
            for _ in range(2 if migration.name == "0008_lineage_quarantine.sql" else 1):
                for statement in migration.statements(settings):
                    await client.execute(statement)
        await test_the_pointers_stand_beside_the_untouched_event(client, ("/job/facets/sql",))
