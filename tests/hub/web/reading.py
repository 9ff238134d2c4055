"""What tests of the reads share: storing records as agents do, and asking the web."""

from __future__ import annotations

import time
import uuid
from typing import Any

from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LandingTable, encode_record, insert_settings
from tests.hub.web.running import RunningWeb


async def store(clickhouse: ClickHouse, table: LandingTable, values: list[bytes], namespace: str = "team-a") -> None:
    """Insert records into a landing table, in one insert."""
    rows = [
        encode_record(
            namespace=namespace,
            event_id=uuid.uuid4().hex,
            topic="tests",
            partition=0,
            offset=offset,
            received_at_ms=time.time_ns() // 1_000_000,
            retention_days=30,
            value=value,
        )
        for offset, value in enumerate(values)
    ]
    await clickhouse.insert(table.name, "Protobuf", b"".join(rows), insert_settings(table, uuid.uuid4().hex))


async def get(web: RunningWeb, path: str, role: str = "reader", **query: Any) -> tuple[int, dict[str, Any]]:
    """Return status and document of a GET; a parameter whose value is a list is repeated, `from_` stands for `from`."""
    pairs = [
        (name.rstrip("_"), str(value))
        for name, values in query.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    async with web.client.get(path, params=pairs, headers=web.headers(role)) as answer:
        return answer.status, await answer.json(content_type=None)


async def items(web: RunningWeb, path: str, member: str, role: str = "reader", **query: Any) -> list[Any]:
    """Return the items of an answer that has them all."""
    status, answer = await get(web, path, role, **query)
    assert status == 200, answer
    assert answer["nextCursor"] is None
    found: list[Any] = answer[member]
    return found


async def all_pages(web: RunningWeb, path: str, member: str, **query: Any) -> list[list[Any]]:
    """Return the items of every page, following the cursors."""
    pages: list[list[Any]] = []
    cursor: dict[str, str] = {}
    while True:
        status, answer = await get(web, path, **query, **cursor)
        assert status == 200, answer
        pages.append(answer[member])
        if answer["nextCursor"] is None:
            return pages
        assert len(pages) < 1_000, "the pages come to an end"
        cursor = {"cursor": answer["nextCursor"]}
