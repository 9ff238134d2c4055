"""The HTTP side of the embedded ClickHouse: one handler that answers as ClickHouse does, errors and headers included."""

from __future__ import annotations

import json
import time
import uuid
import zlib

from aiohttp import web

from lineagehub.embedded.clickhouse.errors import EngineError
from lineagehub.embedded.clickhouse.request import Asked, read_request
from lineagehub.embedded.clickhouse.sessions import Outcome, Sessions
from lineagehub.embedded.clickhouse.statements import Insert, is_read, output_format, parse_insert

_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
}
SHUTDOWN_SECONDS = 10.0
LONGEST_LINE = 1 << 20
"""A schema or a long query may stand in the URL."""


def create_app(sessions: Sessions) -> web.Application:
    """Return the application. It decodes bodies itself, and takes any size: it serves its own machine."""
    server = _Server(sessions)
    application = web.Application(client_max_size=0)
    application.add_routes(
        [web.get("/ping", server.ping), web.get("/", server.answer), web.post("/", server.answer)],
    )
    return application


class _Server:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def answer(self, request: web.Request) -> web.Response:
        began = time.monotonic()
        query_id = request.query.get("query_id") or str(uuid.uuid4())
        headers = {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": "lineagehub-embedded",
            "X-ClickHouse-Timezone": "UTC",
        }
        try:
            asked = await read_request(request)
            if not asked.statement.strip():
                return web.Response(text="Ok.\n", headers=headers)
            outcome = await self._run(asked)
        except EngineError as error:
            headers["X-ClickHouse-Exception-Code"] = str(error.code)
            return web.Response(text=error.text + "\n", status=error.http_status, headers=headers)
        return _response(asked, outcome, headers, time.monotonic() - began)

    async def _run(self, asked: Asked) -> Outcome:
        if asked.read_only and not is_read(asked.statement):
            raise EngineError("Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)")
        insert = parse_insert(asked.statement)
        if insert is not None and _brings_data(insert, asked):
            return await self._sessions.insert(insert, asked.body, asked.database, asked.settings)
        statement = asked.statement
        if asked.body is not None:
            rest = b"".join([chunk async for chunk in asked.body])
            statement += "\n" + rest.decode(errors="surrogateescape") if rest else ""
        return await self._sessions.query(
            statement, asked.default_format, asked.database, asked.settings, asked.parameters
        )


def _brings_data(insert: Insert, asked: Asked) -> bool:
    """Values inside the statement may be expressions and parameters, which only a query evaluates."""
    return insert.format.lower() != "values" or not insert.data.strip()


def _response(asked: Asked, outcome: Outcome, headers: dict[str, str], seconds: float) -> web.Response:
    answered_format = output_format(asked.statement, asked.default_format)
    headers["X-ClickHouse-Format"] = answered_format
    headers["X-ClickHouse-Summary"] = json.dumps(
        {
            "read_rows": str(outcome.rows_read),
            "written_rows": str(outcome.rows_written),
            "result_bytes": str(len(outcome.data)),
            "elapsed_ns": str(round(seconds * 1e9)),
        }
    )
    headers["Content-Type"] = _CONTENT_TYPES.get(answered_format, "text/tab-separated-values; charset=UTF-8")
    data = outcome.data
    if asked.compress:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        data = packer.compress(data) + packer.flush()
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=data, headers=headers)
