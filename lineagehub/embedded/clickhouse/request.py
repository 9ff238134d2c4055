"""What a request asks for: statement, data, settings, parameters. ClickHouse's HTTP interface, read off aiohttp's request.

Nothing is run here, and the body is not read before somebody iterates over it, except where it is a form or the statement itself.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from lineagehub.embedded.clickhouse.compression import PIECE_BYTES, unpacked
from lineagehub.embedded.clickhouse.errors import refusal

NOT_SETTINGS = frozenset(
    {
        "query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "user", "password",
        "compress", "decompress", "quota_key", "role", "buffer_size", "wait_end_of_query", "enable_http_compression", "readonly",
        "client_protocol_version", "close_session", "stacktrace", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    }
)  # fmt: skip
"""URL parameters of the interface itself. An answer is always whole before it is sent, so waiting for its end needs nothing."""

_PARAMETER = "param_"
_DEFAULT_SESSION_SECONDS = 60
_LONGEST_SESSION_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class NamedSession:
    """A session that outlives the request: what SET, USE and temporary tables do in it holds for the next one of its name."""

    name: str
    seconds: int
    must_exist: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, understood. `statement` may hold an insert's data behind its FORMAT; `body` follows it.

    `read_only` is the engine's `readonly`: 0 writes, 1 reads and may set nothing, 2 reads. `client_revision` is 0 if none is named.
    """

    statement: bytes
    body: AsyncIterator[bytes] | None
    database: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    default_format: str
    read_only: int
    session: NamedSession | None
    compress: bool
    client_revision: int


async def read_request(request: web.Request, receive_seconds: float) -> Asked:
    """Return what the request asks for. Raises EngineError for what cannot be understood.

    A body that stands still for `receive_seconds` ends with an error: its insert would hold its memory for ever.
    """
    values = url_parameters(request)
    body: AsyncIterator[bytes] | None = _body(request, receive_seconds)
    if request.content_type == "multipart/form-data":
        values |= {name: str(value) for name, value in (await request.post()).items()}
        body = None
    if "1" in (values.get("compress"), values.get("decompress")):
        message = "Native block compression is not supported; use Content-Encoding and Accept-Encoding."
        raise refusal(48, "NOT_IMPLEMENTED", message)
    statement = values.get("query", "").encode(errors="surrogateescape")
    if not statement.strip() and body is not None:
        statement, body = b"".join([piece async for piece in body]), None
    elif request.method == "GET":
        body = None
    read_only = _number(values, "readonly", 0)
    accepts = request.headers.get("Accept-Encoding", "")
    return Asked(
        statement=statement,
        body=body,
        database=values.get("database") or str(request.headers.get("X-ClickHouse-Database", "")),
        settings={n: v for n, v in values.items() if n not in NOT_SETTINGS and not n.startswith(_PARAMETER)},
        parameters={n.removeprefix(_PARAMETER): v for n, v in values.items() if n.startswith(_PARAMETER)},
        default_format=values.get("default_format") or str(request.headers.get("X-ClickHouse-Format", "TabSeparated")),
        read_only=2 if request.method == "GET" and not read_only else read_only,
        session=_session(values),
        compress=values.get("enable_http_compression", "0") != "0" and "gzip" in accepts,
        client_revision=_number(values, "client_protocol_version", 0),
    )


def url_parameters(request: web.Request) -> dict[str, str]:
    """Return the URL's parameters; bytes that are no UTF-8 stay themselves, as surrogates."""
    query = request.rel_url.raw_query_string
    return dict(urllib.parse.parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))


def _session(values: Mapping[str, str]) -> NamedSession | None:
    name = values.get("session_id", "")
    seconds = _number(values, "session_timeout", _DEFAULT_SESSION_SECONDS)
    if seconds > _LONGEST_SESSION_SECONDS:
        raise refusal(374, "INVALID_SESSION_TIMEOUT", f"session_timeout may be {_LONGEST_SESSION_SECONDS} at most.")
    return NamedSession(name, seconds, values.get("session_check") == "1") if name else None


def _number(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, "")
    if text and not (text.isascii() and text.isdigit()):
        raise refusal(72, "CANNOT_PARSE_NUMBER", f"The URL parameter {name} is {text[:50]!r}; it must be a number.")
    return int(text) if text else default


def _body(request: web.Request, receive_seconds: float) -> AsyncIterator[bytes]:
    return unpacked(_raw_body(request, receive_seconds), request.headers.get("Content-Encoding", "").lower())


async def _raw_body(request: web.Request, receive_seconds: float) -> AsyncIterator[bytes]:
    """Yield the body as it came. A client that left, or sends no more, is an error: its body is not whole."""
    try:
        while True:
            async with asyncio.timeout(receive_seconds):
                chunk = await request.content.read(PIECE_BYTES)
            if not chunk:
                return
            yield chunk
    except TimeoutError as error:
        raise refusal(209, "SOCKET_TIMEOUT", f"Nothing of the body came for {receive_seconds:g} seconds.") from error
    except (ConnectionError, aiohttp.ClientError, HttpProcessingError) as error:
        raise refusal(210, "NETWORK_ERROR", f"The body ended before its end: {error}.") from error
