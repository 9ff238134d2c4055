"""The user of ClickHouse that reads for tenants: enough for every read of the API, and nothing besides, on the real engine."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lineagehub.errors import LineageHubError
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.error_codes import QueryTooBig
from lineagehub.store.migrate import apply
from lineagehub.store.reader import LIMITS
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.hub.web.walking import Ask, Tenant, requests, send
from tests.support.restricted_clickhouse import hand_over_views, start_as_reader, start_as_writer

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNTS = "/marquez/api/v1/stats/"
"""Routes that answer with numbers only."""
OWNER = Tenant("team-a")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reading(web: RunningWeb, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningWeb]:
    """A web over what both tenants stored, which it reads as the reader."""
    data, files = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("users")
    with start_as_writer(data, files) as server:
        async with ClickHouse(ClickHouseSettings(url=server.url)) as clickhouse:
            await apply(clickhouse)
            await OWNER.store(clickhouse)
            await Tenant("team-b").store(clickhouse)
            await hand_over_views(clickhouse)
    with start_as_reader(data, files) as server:
        async with running_web(settings_for(web.settings.kafka, server.url)) as running:
            running.keys = web.keys
            assert await running.parts.control_view.wait_complete(READY_SECONDS)
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asks(reading: RunningWeb) -> list[Ask]:
    """Every read of the OpenAPI document that ClickHouse answers, with the owner's ids. Namespaces, keys and limits are in memory."""
    async with reading.client.get("/openapi.json") as answer:
        document: dict[str, Any] = await answer.json()
    owner = await OWNER.with_versions(reading)
    return [
        ask
        for ask in requests(document, owner)
        if ask.method == "GET"
        and not ask.is_open
        and (ask.route.endswith("/audit") or not ask.route.startswith("/api/v1/namespaces"))
    ]


async def test_every_read_finds_what_its_namespace_has(reading: RunningWeb, asks: list[Ask]) -> None:
    for ask in asks:
        status, text = await send(reading, ask)
        assert status == 200, (str(ask), text)
        assert OWNER.marker in text or ask.route.startswith(COUNTS), (str(ask), text)


async def test_every_cursor_leads_its_namespace_on_and_no_other(reading: RunningWeb, asks: list[Ask]) -> None:
    followed = 0
    for ask in (ask for ask in asks if ask.has_cursor):
        _, text = await send(reading, ask, limit="1")
        cursor = json.loads(text)["nextCursor"]
        if cursor is None:
            continue
        assert (await send(reading, ask, cursor=cursor))[0] == 200
        status, text = await send(reading, ask, "stranger", cursor=cursor)
        assert (status == 400 and "bad_cursor" in text) or status == 404, (str(ask), text)
        followed += 1
    assert followed >= 11


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM otel_logs",
        "SELECT count() FROM lineage_events",
        "SELECT * FROM stored_items",
        "SELECT * FROM audit_log",
        "SELECT * FROM read_logs",
        "SELECT * FROM schema_migrations",
        "SELECT * FROM merge(currentDatabase(), 'otel_.*')",
        "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "SELECT * FROM remote('127.0.0.1', lineagehub.otel_logs)",
        "INSERT INTO otel_logs (Namespace) VALUES ('team-a')",
        "ALTER TABLE otel_logs DELETE WHERE 1",
        "DELETE FROM otel_logs WHERE 1",
        "TRUNCATE TABLE otel_logs",
        "DROP VIEW read_logs",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE OR REPLACE VIEW read_logs AS SELECT 1",
        "CREATE TEMPORARY TABLE mine (a String)",
        "SET readonly = 0",
        *(f"SELECT 1 SETTINGS {name} = 0" for name in LIMITS),
        *(f"SELECT 1 SETTINGS {name} = 9999999999" for name in LIMITS),
    ],
)
async def test_nothing_else_can_be_done(reading: RunningWeb, statement: str) -> None:
    with pytest.raises(LineageHubError, match=r"Code: (51|164|452|497|636)\."):
        await reading.parts.clickhouse.select(statement)


async def test_the_limits_hold_and_a_query_beyond_them_is_told_apart(reading: RunningWeb) -> None:
    rows = await reading.parts.clickhouse.select(
        "SELECT " + ", ".join(f"toString(getSetting('{name}')) AS {name}" for name in LIMITS)
    )
    assert {name: rows[0][name] for name in LIMITS} == {name: str(value) for name, value in LIMITS.items()}
    with pytest.raises(QueryTooBig):
        await reading.parts.clickhouse.select(f"SELECT * FROM numbers({LIMITS['max_result_rows'] + 1})")


async def test_a_namespace_is_a_value_and_never_sql(reading: RunningWeb) -> None:
    sql = "SELECT count() AS n FROM read_logs(ns = {ns:String})"
    for name in ("' OR 1 = 1 --", "%", "*", "", "team-a' OR Namespace != '", f"team-a\0{uuid.uuid4().hex}"):
        assert await reading.parts.clickhouse.select(sql, {"ns": name}) == [{"n": 0}]
    assert await reading.parts.clickhouse.select(sql, {"ns": "team-a"}) == [{"n": 2}]
