"""The one client of ClickHouse: aiochclient behind a wrapper that trusts no answer unread.

aiochclient 2.7.0 takes an insert that failed after its headers for a success, has no timeout of its own, and formats values into the
statement (bad-input.md I03-I08). Here its HTTP client is replaced by one that reads status, header and body; every statement has a
timeout; values go as server-side parameters only. Works with a real server and with the embedded one alike.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from aiochclient import ChClient
from aiochclient.http_clients.abc import HttpClientABC

from lineagehub.errors import LineageHubError, Unavailable
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.error_codes import error_of

Values = Mapping[str, str | int | Sequence[str] | Sequence[int]]
_EXCEPTION = re.compile(rb"Code: (\d+)\. DB::Exception: ")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})
_SELECT_SETTINGS = {
    "default_format": "JSONEachRow",
    "output_format_json_array_of_rows": "1",
    "wait_end_of_query": "1",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "1",
    "output_format_json_named_tuples_as_objects": "0",
    "date_time_output_format": "iso",
}
"""`wait_end_of_query`: an error after the first rows becomes a status, not a line among the rows. `quote_denormals`: what JSON has no
number for comes as "nan", "inf" and "-inf", and not as null."""


class ClickHouse:
    """Statements on one ClickHouse. Start it once per process; calls may be concurrent. All raise errors of error_codes.py."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool. Does not connect: a server that is away delays nobody's start. May be repeated."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=self.settings.timeout_seconds, sock_connect=self.settings.connect_timeout_seconds
            )
            self._session = aiohttp.ClientSession(timeout=timeout, max_line_size=1 << 16, max_field_size=1 << 16)

    async def close(self) -> None:
        """Close the pool. May be repeated."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def select(
        self, sql: str, parameters: Values | None = None, database: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a SELECT, whole or not at all. `parameters` are bound by the server: `{name:Type}` in the SQL."""
        # Not aiochclient's fetch: it parses the statement with sqlparse and makes an object of each row, 25 us a row in all.
        http = _CheckedHttpClient(self._open_session())
        client = self._client(_SELECT_SETTINGS | _bound(parameters))
        if database is not None:
            client.params["database"] = database
        body = await http.post_return_body(client.url, client.params, client.headers, sql.encode())
        try:
            rows: list[dict[str, Any]] = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Unavailable("clickhouse", "ClickHouse's answer is no JSON; it was cut.") from error
        return rows

    async def execute(self, sql: str, parameters: Values | None = None, database: str | None = None) -> None:
        """Run a statement that returns nothing. `database` replaces the settings' (empty: none, to create it)."""
        http = _CheckedHttpClient(self._open_session())
        client = self._client(_bound(parameters))
        if database is not None:
            client.params["database"] = database or "default"
        await http.post_no_return(client.url, client.params, client.headers, sql.encode())

    async def insert(self, table: str, data_format: str, body: bytes, settings: Mapping[str, str]) -> None:
        """Insert a body of rows in `data_format` into a table of the settings' database.

        Repeating it with the same `insert_deduplication_token` adds nothing.
        """
        http = _CheckedHttpClient(self._open_session())
        client = self._client(settings)
        query = f"INSERT INTO {table} FORMAT {data_format}"
        await http.post_no_return(client.url, {**client.params, "query": query}, client.headers, body)

    async def ping(self) -> str:
        """Return the server's version. Raises Unavailable."""
        rows = await self.select("SELECT version() AS version", database="default")
        return str(rows[0]["version"])

    def _client(self, url_parameters: Mapping[str, str]) -> ChClient:
        settings = self.settings
        session = self._open_session()
        client = ChClient(
            session,
            url=settings.url.rstrip("/") + "/",
            user=settings.user,
            password=settings.password.get_secret_value(),
            database=settings.database,
            json=orjson,
            **url_parameters,
        )
        client._http_client = _CheckedHttpClient(session)
        return client

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise LineageHubError("The ClickHouse client is not started.")
        return self._session


class _CheckedHttpClient(HttpClientABC):  # type: ignore[misc] # aiochclient ships no types
    """aiochclient's way to the server, reading every answer to its end before it is believed."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, url: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Called by aiochclient's is_alive."""
        await self._exchange("GET", url, params, headers, None)

    async def post_return_lines(
        self, url: str, params: Mapping[str, Any], headers: Mapping[str, str], data: bytes
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a complete answer."""
        for line in (await self._exchange("POST", url, params, headers, data)).splitlines(keepends=True):
            yield line

    async def post_return_body(
        self, url: str, params: Mapping[str, Any], headers: Mapping[str, str], data: bytes
    ) -> bytes:
        """Return a complete answer."""
        return await self._exchange("POST", url, params, headers, data)

    async def post_no_return(
        self, url: str, params: Mapping[str, Any], headers: Mapping[str, str], data: bytes
    ) -> None:
        """Send a statement and be sure that it worked."""
        body = await self._exchange("POST", url, params, headers, data)
        if match := _EXCEPTION.match(body):
            raise error_of(int(match.group(1)), body.decode(errors="replace"))

    async def close(self) -> None:
        """Nothing to do: the session belongs to ClickHouse."""

    async def _exchange(
        self, method: str, url: str, params: Mapping[str, Any], headers: Mapping[str, str], data: bytes | None
    ) -> bytes:
        try:
            async with self._session.request(method, url, params=params, headers=headers, data=data) as answer:
                body = await answer.read()
                status, code = answer.status, answer.headers.get("X-ClickHouse-Exception-Code")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            said = str(error) or type(error).__name__
            raise Unavailable("clickhouse", f"ClickHouse at {url} does not answer: {said}.", 1.0) from error
        if status == 200 and code is None:
            return body
        match = _EXCEPTION.search(body)
        number = int(code) if code and code.isdigit() else int(match.group(1)) if match else 0
        if number == 0:
            raise Unavailable("clickhouse", f"ClickHouse at {url} answers {status}: {body[:200]!r}.", 1.0)
        raise error_of(number, body.decode(errors="replace"))


def _bound(parameters: Values | None) -> dict[str, str]:
    """Return the URL parameters of server-side parameters: text in the interface's escaping, lists as array literals."""
    return {f"param_{name}": _literal(value) for name, value in (parameters or {}).items()}


def _literal(value: str | int | Sequence[str] | Sequence[int]) -> str:
    if isinstance(value, str | int):
        return str(value).translate(_ESCAPES)
    return "[" + ",".join(map(_item, value)) + "]"


def _item(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.translate(_ESCAPES).replace("'", "\\'") + "'"
