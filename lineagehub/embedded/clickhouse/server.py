"""The HTTP side of the embedded ClickHouse: one handler that answers as ClickHouse does, errors and headers included.

A failure answers ClickHouse's own status, 500 for most codes: that is the protocol its clients know. Who talks to it judges the code in
`X-ClickHouse-Exception-Code`. An answer is whole before its first byte is sent, so an error never stands among rows.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import time
import uuid

from aiohttp import web

from lineagehub.embedded.clickhouse.compression import gzipped
from lineagehub.embedded.clickhouse.engine import Engine, Outcome
from lineagehub.embedded.clickhouse.errors import EngineError, refusal
from lineagehub.embedded.clickhouse.request import Asked, read_request, url_parameters
from lineagehub.embedded.clickhouse.statements import read_statement

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
_log = logging.getLogger(__name__)


def create_app(engine: Engine, receive_seconds: float) -> web.Application:
    """Return the application. It decodes bodies itself, and takes any size: it serves its own machine."""
    server = _Server(engine, receive_seconds)
    application = web.Application(client_max_size=0)
    application.add_routes(
        [web.get("/ping", server.ping), web.get("/", server.answer), web.post("/", server.answer)],
    )
    return application


class _Server:
    def __init__(self, engine: Engine, receive_seconds: float) -> None:
        self._engine = engine
        self._receive_seconds = receive_seconds

    async def ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def answer(self, request: web.Request) -> web.Response:
        began = time.monotonic()
        headers = {
            "X-ClickHouse-Query-Id": _query_id(request),
            "X-ClickHouse-Server-Display-Name": "lineagehub-embedded",
            "X-ClickHouse-Timezone": "UTC",
        }
        try:
            asked = await read_request(request, self._receive_seconds)
            if not asked.statement.strip():
                return web.Response(text="Ok.\n", headers=headers)
            outcome = await self._run(asked)
        except EngineError as error:
            return _refused(error, headers)
        except Exception as error:
            _log.exception("A request failed in a way that was not foreseen.")
            return _refused(refusal(1002, "UNKNOWN_EXCEPTION", f"{type(error).__name__}: {error}"), headers)
        return _answered(asked, outcome, headers, time.monotonic() - began)

    async def _run(self, asked: Asked) -> Outcome:
        statement = read_statement(asked.statement)
        if asked.body is not None and (statement.insert is None or not statement.insert.format):
            # The rest of the statement stands in the body, behind a line feed (ClickHouse's HTTP interface).
            rest = b"".join([piece async for piece in asked.body])
            asked = dataclasses.replace(
                asked, statement=asked.statement + b"\n" + rest if rest else asked.statement, body=None
            )
            statement = read_statement(asked.statement)
        if statement.insert is not None and statement.insert.format:
            return await self._engine.insert(asked, statement.insert, asked.body)
        return await self._engine.query(asked, statement)


def _query_id(request: web.Request) -> str:
    """Return the client's id, or one of our own if there is none or it cannot stand in a header."""
    given = url_parameters(request).get("query_id", "")
    return given if given and given.isascii() and given.isprintable() else str(uuid.uuid4())


def _refused(error: EngineError, headers: dict[str, str]) -> web.Response:
    headers["X-ClickHouse-Exception-Code"] = str(error.code)
    return web.Response(text=error.text + "\n", status=error.http_status, headers=headers)


def _answered(asked: Asked, outcome: Outcome, headers: dict[str, str], seconds: float) -> web.Response:
    headers["X-ClickHouse-Format"] = outcome.format
    headers["X-ClickHouse-Summary"] = json.dumps(
        {
            "read_rows": str(outcome.read_rows),
            "read_bytes": str(outcome.read_bytes),
            "written_rows": str(outcome.written_rows),
            "written_bytes": str(outcome.written_bytes),
            "result_rows": str(outcome.result_rows),
            "result_bytes": str(len(outcome.data)),
            "elapsed_ns": str(round(seconds * 1e9)),
        }
    )
    headers["Content-Type"] = _CONTENT_TYPES.get(outcome.format, "text/tab-separated-values; charset=UTF-8")
    data = outcome.data
    if asked.compress:
        data = gzipped(data)
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=data, headers=headers)
