"""Bodies as hostile clients send them: compression, size, encoding, JSON.

One row a case; the answer is always a clear refusal.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from backports import zstd

from tests.hub.web.running import Records, RunningWeb, running_web, settings_for
from tests.hub.web.samples import run_event, trace_request
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEBIBYTE = 1_048_576
IN_FLIGHT = "lineagehub_http_bodies_in_flight_bytes "
ROUTES = {"/api/v1/lineage": "application/json", "/v1/traces": "application/x-protobuf"}


def event() -> bytes:
    return json.dumps(run_event()).encode()


def zlib_of(data: bytes) -> bytes:
    return zlib.compress(data)


def bomb(compressor: Callable[[bytes], bytes], mebibytes: int) -> bytes:
    return compressor(bytes(mebibytes * MEBIBYTE))


async def post(web: RunningWeb, body: bytes, **headers: str) -> tuple[int, str]:
    named = web.headers(**({"Content_Type": "application/json"} | headers))
    async with web.client.post("/api/v1/lineage", data=body, headers=named) as answer:
        return answer.status, (await answer.json(content_type=None)).get("reason", "")


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib_of),
        ("zstd", zstd.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
    ],
)
async def test_each_known_encoding_is_decoded(
    web: RunningWeb, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    assert await post(web, compress(event()), Content_Encoding=encoding) == (201, "")


@pytest.mark.parametrize(
    ("name", "encoding", "body", "status", "reason"),
    [
        ("truncated", "gzip", lambda: gzip.compress(event())[:-20], 400, "bad_encoding"),
        ("without its checksum", "gzip", lambda: gzip.compress(event())[:-8], 400, "bad_encoding"),
        ("plain text", "gzip", event, 400, "bad_encoding"),
        ("trailing garbage", "gzip", lambda: gzip.compress(event()) + b"x", 400, "bad_encoding"),
        ("two members", "gzip", lambda: gzip.compress(event()) + gzip.compress(b" "), 400, "bad_encoding"),
        ("a wrong checksum", "gzip", lambda: gzip.compress(event())[:-8] + bytes(8), 400, "bad_encoding"),
        ("no bytes", "gzip", lambda: b"", 400, "empty_body"),
        ("nothing inside", "gzip", lambda: gzip.compress(b""), 400, "empty_body"),
        ("truncated", "deflate", lambda: zlib_of(event())[:-5], 400, "bad_encoding"),
        ("raw deflate", "deflate", lambda: zlib_of(event())[2:-4], 400, "bad_encoding"),
        ("trailing garbage", "deflate", lambda: zlib_of(event()) + b"x", 400, "bad_encoding"),
        ("truncated", "zstd", lambda: zstd.compress(event())[:-5], 400, "bad_encoding"),
        ("two frames", "zstd", lambda: zstd.compress(event()) * 2, 400, "bad_encoding"),
        ("plain text", "zstd", event, 400, "bad_encoding"),
        ("no bytes", "zstd", lambda: b"", 400, "empty_body"),
        ("a window of 64 MiB", "zstd", lambda: _wide_window(), 400, "bad_encoding"),
        ("twice", "gzip, gzip", lambda: gzip.compress(gzip.compress(event())), 415, "unsupported_encoding"),
        ("another name", "x-gzip", lambda: gzip.compress(event()), 415, "unsupported_encoding"),
        ("unknown", "foo", event, 415, "unsupported_encoding"),
        ("brotli", "br", event, 415, "unsupported_encoding"),
        ("a bomb", "gzip", lambda: bomb(gzip.compress, 64), 413, "payload_too_large"),
        ("a bomb", "deflate", lambda: bomb(zlib_of, 64), 413, "payload_too_large"),
        ("a bomb", "zstd", lambda: bomb(zstd.compress, 64), 413, "payload_too_large"),
    ],
)
async def test_a_body_that_does_not_decode_whole_is_refused_whole(
    web: RunningWeb, name: str, encoding: str, body: Callable[[], bytes], status: int, reason: str
) -> None:
    assert await post(web, body(), Content_Encoding=encoding) == (status, reason), f"{encoding}: {name}"


def _wide_window() -> bytes:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 26})
    return compressor.compress(bytes(70 * MEBIBYTE)) + compressor.flush()


async def test_a_high_ratio_alone_is_no_reason_to_refuse(web: RunningWeb, records: Records) -> None:
    body = json.dumps(run_event(note=" " * (4 * MEBIBYTE))).encode()
    assert len(gzip.compress(body)) < len(body) / 500
    assert await post(web, gzip.compress(body), Content_Encoding="gzip") == (201, "")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=UTF-8", 201),
        ('application/json; charset="utf8"', 201),
        ("application/json; charset=foo", 415),
        ("application/json; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/x-ndjson", 415),
        ("application/json, text/plain", 415),
    ],
)
async def test_only_json_in_utf_8_is_taken(web: RunningWeb, content_type: str, status: int) -> None:
    assert (await post(web, event(), Content_Type=content_type))[0] == status


async def test_a_missing_content_type_is_refused(web: RunningWeb) -> None:
    headers = web.headers()
    async with web.client.post(
        "/api/v1/lineage", data=event(), headers=headers, skip_auto_headers=["Content-Type"]
    ) as answer:
        assert answer.status == 415


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "invalid_json"),
        (b"", 400, "empty_body"),
        (b" ", 400, "invalid_json"),
        (b"{'a': 1}", 400, "invalid_json"),
        (b"{} {}", 400, "invalid_json"),
        (b'{"a": 1} // comment', 400, "invalid_json"),
        (b'{"a": NaN}', 400, "invalid_json"),
        (b'{"a": Infinity}', 400, "invalid_json"),
        (b'{"a": -Infinity}', 400, "invalid_json"),
        (b'{"a": 1e999}', 400, "invalid_json"),
        (b"1" * 5_000, 400, "invalid_json"),
        (b"1" * 1_000_000, 400, "invalid_json"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"a":' * 100_000, 400, "too_deep"),
        (b"[" * 1_000 + b"]" * 1_000, 400, "too_deep"),
        (b"[" * 65 + b"]" * 65, 400, "too_deep"),
        (b'{"a": 1, "a": 2}', 400, "duplicate_key"),
        (b'{"a": {"b": 1, "b": 1, "b": 2}}', 400, "duplicate_key"),
        (b'{"a": [1], "a": [1.0]}', 400, "duplicate_key"),
        (b'{"a": [{"b": 1}], "a": [{"b": true}]}', 400, "duplicate_key"),
        (b'{"a\\u003a": 1, "b": 1, "b": "c"}', 400, "duplicate_key"),
        (b'{"a": "\\ud800"}', 400, "invalid_unicode"),
        (b'{"a": "\xff\xff"}', 400, "invalid_unicode"),
        (b'{"a": "\xc0\xaf"}', 400, "invalid_unicode"),
        (b"\xef\xbb\xbf{}", 400, "invalid_unicode"),
        ('{"a": 1}'.encode("utf-16"), 400, "invalid_unicode"),
        (b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}", 413, "event_too_complex"),
        (b"[" + b"[]," * 1_000_000 + b"[]]", 413, "event_too_complex"),
        (b"[]", 422, "schema_invalid"),
        (b'"text"', 422, "schema_invalid"),
        (b"null", 422, "schema_invalid"),
        (b"7", 422, "schema_invalid"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
async def test_json_that_is_not_strict_is_refused(web: RunningWeb, body: bytes, status: int, reason: str) -> None:
    assert await post(web, body) == (status, reason)


@pytest.mark.parametrize("key", ["a:b", 'a\\"b', "\\u003a"])
async def test_colons_and_quotes_in_keys_are_no_duplicates(web: RunningWeb, key: str) -> None:
    body = event()[:-1] + f', "{key}": ":::", "x": {{"{key}": ["a:b", ":"]}}}}'.encode()
    assert await post(web, body) == (201, "")


async def test_a_key_that_stands_twice_with_one_value_is_taken(web: RunningWeb) -> None:
    # As openlineage-spark 1.53 sends the events of its RDDs.
    facet = b'"processing_engine": {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet", "version": "3.5.9"}'
    body = event().replace(b'"run": {', b'"run": {"facets": {%s, %s}, ' % (facet, facet), 1)
    assert await post(web, body) == (201, "")


async def test_a_body_larger_than_the_wire_limit_is_refused_while_it_comes(web: RunningWeb) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    status = None
    try:
        async with web.client.post(
            "/api/v1/lineage", data=endless(), headers=web.headers(Content_Type="application/json")
        ) as answer:
            status = answer.status
    except OSError:
        # The hub may cut the connection before this client has read the answer: either way nothing more is taken.
        status = 413
    assert status == 413


async def test_bodies_in_memory_are_bounded_and_the_answer_says_when_to_come_back(web: RunningWeb) -> None:
    small = settings_for(web.settings.kafka, in_flight_bytes=100_000)
    async with running_web(small) as tight:
        tight.keys = web.keys
        await tight.parts.control_view.wait_complete(20)
        for path, media_type in ROUTES.items():
            headers = tight.headers(Content_Type=media_type, Content_Encoding="gzip")
            async with tight.client.post(path, data=bomb(gzip.compress, 8), headers=headers) as answer:
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) >= 1
        body = trace_request().SerializeToString()
        headers = tight.headers(Content_Type="application/x-protobuf")
        async with tight.client.post("/v1/traces", data=body, headers=headers) as answer:
            assert answer.status == 200, "what was refused is no longer counted"
        async with tight.client.get("/metrics") as answer:
            assert "lineagehub_http_bodies_in_flight_bytes 0.0" in await answer.text()


async def test_who_never_ends_his_bodies_is_refused_while_there_is_room_for_another_namespaces(web: RunningWeb) -> None:
    budget, held, connections = 1_000_000, 300_000, 6
    small = settings_for(web.settings.kafka, in_flight_bytes=budget, body_timeout_seconds=30)
    async with running_web(small) as tight, AsyncExitStack() as open_connections:
        tight.keys = web.keys
        await tight.parts.control_view.wait_complete(20)

        async def begin_a_body() -> asyncio.StreamReader:
            address = urlsplit(tight.url)
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            open_connections.callback(writer.close)
            head = (
                f"POST /api/v1/lineage HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {web.keys['writer']}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {2 * held}\r\n\r\n"
            )
            writer.write(head.encode() + b" " * held)
            return reader

        begun = [asyncio.create_task((await begin_a_body()).readline()) for _ in range(connections)]

        async def is_refused() -> bool:
            return sum(one.done() for one in begun) >= connections - 2

        await wait_until_async(is_refused, 20, "all but what half of the memory holds to be refused")
        assert {one.result() for one in begun if one.done()} == {b"HTTP/1.1 503 Service Unavailable\r\n"}
        async with tight.client.get("/metrics") as answer:
            (line,) = [one for one in (await answer.text()).splitlines() if one.startswith(IN_FLIGHT)]
        assert 0 < float(line.split()[1]) <= budget / 2
        body = event() + b" " * held
        headers = tight.headers("stranger", Content_Type="application/json")
        async with tight.client.post("/api/v1/lineage", data=body, headers=headers) as answer:
            assert answer.status == 201
        for one in begun:
            one.cancel()


async def test_a_single_body_may_fill_all_the_memory_there_is(web: RunningWeb) -> None:
    small = settings_for(web.settings.kafka, in_flight_bytes=1_000_000)
    async with running_web(small) as tight:
        tight.keys = web.keys
        await tight.parts.control_view.wait_complete(20)
        headers = tight.headers(Content_Type="application/json")
        async with tight.client.post("/api/v1/lineage", data=event() + b" " * 990_000, headers=headers) as answer:
            assert answer.status == 201
