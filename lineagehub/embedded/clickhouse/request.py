"""What a request asks for: statement, data, settings, parameters. ClickHouse's HTTP interface, read off aiohttp's request."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import cramjam
from aiohttp import web

from lineagehub.embedded.clickhouse.errors import EngineError

NOT_SETTINGS = frozenset(
    {
        "query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "user", "password",
        "compress", "decompress", "quota_key", "role", "buffer_size", "wait_end_of_query", "enable_http_compression", "readonly",
        "client_protocol_version", "close_session", "stacktrace", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    }
)  # fmt: skip
"""URL parameters of the interface itself; `readonly` is enforced by us, because a session cannot take it back."""

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, understood. `statement` may hold an insert's data behind its FORMAT; `body` follows it."""

    statement: str
    body: AsyncIterator[bytes] | None
    database: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    default_format: str
    read_only: bool
    compress: bool
    query_id: str


async def read_request(request: web.Request) -> Asked:
    """Return what the request asks for. Raises EngineError for a body that cannot be decoded."""
    values = dict(request.query)
    body: AsyncIterator[bytes] | None = _decoded(request)
    if request.content_type == "multipart/form-data":
        values |= {name: str(value) for name, value in (await request.post()).items()}
        body = None
    statement = values.get("query", "")
    if not statement and body is not None:
        whole = b"".join([chunk async for chunk in body])
        statement, body = whole.decode("utf-8", errors="surrogateescape"), None
    elif statement and request.method == "GET":
        body = None
    accepts = request.headers.get("Accept-Encoding", "")
    return Asked(
        statement=statement,
        body=body,
        database=values.get("database") or str(request.headers.get("X-ClickHouse-Database", "")),
        settings={
            name: value for name, value in values.items() if name not in NOT_SETTINGS and not name.startswith("param_")
        },
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        default_format=values.get("default_format") or str(request.headers.get("X-ClickHouse-Format", "TabSeparated")),
        read_only=values.get("readonly", "0") != "0" or request.method == "GET",
        compress=values.get("enable_http_compression", "0") != "0" and "gzip" in accepts,
        query_id=values.get("query_id", ""),
    )


async def _decoded(request: web.Request) -> AsyncIterator[bytes]:
    encoding = request.headers.get("Content-Encoding", "").lower()
    raw = request.content.iter_chunked(CHUNK_BYTES)
    if encoding in ("", "identity"):
        async for chunk in raw:
            yield chunk
    elif encoding in ("gzip", "deflate"):
        inflate = zlib.decompressobj(31 if encoding == "gzip" else 15)
        try:
            async for chunk in raw:
                yield inflate.decompress(chunk)
        except zlib.error as error:
            raise _undecodable(encoding) from error
        if not inflate.eof:
            raise _undecodable(encoding)
    elif encoding in ("zstd", "lz4"):
        whole = b"".join([chunk async for chunk in raw])
        codec = cramjam.zstd if encoding == "zstd" else cramjam.lz4
        try:
            yield bytes(codec.decompress(whole))
        except cramjam.DecompressionError as error:
            raise _undecodable(encoding) from error
    else:
        raise EngineError(f"Code: 48. DB::Exception: Content-Encoding {encoding} is not supported. (NOT_IMPLEMENTED)")


def _undecodable(encoding: str) -> EngineError:
    return EngineError(f"Code: 354. DB::Exception: The body is no complete {encoding} stream. (ZLIB_INFLATE_FAILED)")
