"""A migrated ClickHouse for this folder: the embedded engine, and a way to insert events as an agent does."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LINEAGE_EVENTS_IN, encode_record, insert_settings
from tests.support.clickhouse import EmbeddedClickHouse, start_migrated_clickhouse


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A running engine."""
    with start_migrated_clickhouse(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="package")
async def clickhouse(server: EmbeddedClickHouse) -> AsyncIterator[ClickHouse]:
    """A client of the migrated database."""
    async with ClickHouse(ClickHouseSettings(url=server.url)) as client:
        yield client


async def insert_events(
    clickhouse: ClickHouse, namespace: str, events: list[dict[str, Any]], ids: list[str] | None = None
) -> None:
    """Insert events one insert each, so that nothing is merged before it is stored."""
    for number, event in enumerate(events):
        event_id = ids[number] if ids else uuid.uuid4().hex
        await insert_rows(clickhouse, [landing_row(namespace, json.dumps(event).encode(), event_id, offset=number)])


async def insert_together(clickhouse: ClickHouse, namespace: str, events: list[dict[str, Any]]) -> None:
    """Insert events in one insert, where their order is of no interest."""
    rows = [landing_row(namespace, json.dumps(event).encode(), uuid.uuid4().hex) for event in events]
    await insert_rows(clickhouse, rows)


async def insert_event(
    clickhouse: ClickHouse, namespace: str, event_id: str, value: bytes, *, quarantined_facets: Sequence[str] = ()
) -> None:
    """Insert one event as the agent does."""
    await insert_rows(clickhouse, [landing_row(namespace, value, event_id, quarantined_facets=quarantined_facets)])


def landing_row(
    namespace: str, value: bytes, event_id: str, *, offset: int = 0, quarantined_facets: Sequence[str] = ()
) -> bytes:
    """Return an event as a row of the landing table."""
    return encode_record(
        namespace=namespace,
        event_id=event_id,
        topic="openlineage-events",
        partition=0,
        offset=offset,
        received_at_ms=1_763_978_400_000,
        retention_days=3650,
        value=value,
        quarantined_facets=quarantined_facets,
    )


async def insert_rows(clickhouse: ClickHouse, rows: list[bytes]) -> None:
    """Insert rows in one insert under a token of its own."""
    settings = insert_settings(LINEAGE_EVENTS_IN, uuid.uuid4().hex)
    await clickhouse.insert(LINEAGE_EVENTS_IN.name, "Protobuf", b"".join(rows), settings)
