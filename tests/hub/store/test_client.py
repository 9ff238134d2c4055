"""The client trusts no answer unread: errors become what they mean, values are the server's to bind, cut answers are none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from lineagehub.errors import Permanent, Retryable, Unavailable
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.error_codes import SchemaMismatch
from lineagehub.store.landing import LINEAGE_EVENTS_IN, OTLP_TRACES_IN, insert_settings

NASTY = [
    "it's",
    'a "b"',
    "back\\slash",
    "tab\tline\nreturn\r",
    "nul\0",
    "{x}",
    "{0.__class__}",
    "'; DROP TABLE t; --",
    "\u2028",
    "ü😀",
]


@pytest.mark.parametrize("value", NASTY)
async def test_values_are_bound_by_the_server_and_come_back_exact(clickhouse: ClickHouse, value: str) -> None:
    rows = await clickhouse.select("SELECT {v:String} AS v, {l:Array(String)} AS l", {"v": value, "l": [value, "x"]})
    assert rows == [{"v": value, "l": [value, "x"]}]


@pytest.mark.parametrize("sql", ["SELECT * FROM no_such_table", "SELECT no_such_column FROM lineage_events", "SELEC 1"])
async def test_a_wrong_statement_or_schema_is_the_systems_fault(clickhouse: ClickHouse, sql: str) -> None:
    with pytest.raises(SchemaMismatch):
        await clickhouse.select(sql)


async def test_a_truncated_record_is_the_datas_fault_and_stores_nothing(clickhouse: ClickHouse) -> None:
    before = await clickhouse.select("SELECT count() AS n FROM otel_traces")
    with pytest.raises(Permanent):
        await clickhouse.insert(
            OTLP_TRACES_IN.name, "Protobuf", b"\x7f\x0a\x04demo", insert_settings(OTLP_TRACES_IN, "t")
        )
    assert await clickhouse.select("SELECT count() AS n FROM otel_traces") == before


async def test_a_server_that_is_away_is_unavailable() -> None:
    async with ClickHouse(ClickHouseSettings(url="http://127.0.0.1:1")) as absent:
        with pytest.raises(Unavailable, match="does not answer"):
            await absent.ping()


Double = tuple[ClickHouse, list[web.StreamResponse]]


@pytest.fixture
async def double() -> AsyncIterator[Any]:
    """A server that answers with what the test put in its list: status, headers, body."""
    answers: list[tuple[int, dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        status, headers, body = answers.pop(0)
        return web.Response(status=status, headers=headers, body=body)

    application = web.Application(client_max_size=0)
    application.router.add_post("/", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClickHouse(ClickHouseSettings(url=f"http://127.0.0.1:{runner.addresses[0][1]}")) as client:
        yield client, answers
    await runner.cleanup()


TRANSIENT = [241, 252, 202, 242, 159, 209, 999]


@pytest.mark.parametrize("code", TRANSIENT)
async def test_a_200_with_an_exception_code_is_a_failure(double: Any, code: int) -> None:
    client, answers = double
    answers.append((200, {"X-ClickHouse-Exception-Code": str(code)}, b""))
    with pytest.raises(Retryable):
        await client.insert(LINEAGE_EVENTS_IN.name, "Protobuf", b"", {})


async def test_a_200_whose_body_is_an_exception_is_a_failure(double: Any) -> None:
    client, answers = double
    answers += [(200, {}, b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)\n")] * 2
    with pytest.raises(Retryable):
        await client.insert(LINEAGE_EVENTS_IN.name, "Protobuf", b"", {})
    with pytest.raises(Unavailable):
        await client.select("SELECT 1")


async def test_an_answer_of_something_else_is_unavailable_and_not_a_success(double: Any) -> None:
    client, answers = double
    answers.append((502, {}, b"<html>Bad gateway</html>"))
    with pytest.raises(Unavailable, match="502"):
        await client.insert(LINEAGE_EVENTS_IN.name, "Protobuf", b"", {})


async def test_rows_that_end_in_the_middle_are_not_taken_for_all(double: Any) -> None:
    client, answers = double
    answers.append((200, {}, b'{"a":1}\n{"a":'))
    with pytest.raises(Unavailable, match="cut"):
        await client.select("SELECT 1")
