"""HTTP as attackers and broken proxies write it: never executed twice, never waited for, never a traceback."""

from __future__ import annotations

import json
import logging

import pytest

from tests.hub.web.raw_http import exchange
from tests.hub.web.running import Records, RunningWeb
from tests.hub.web.samples import run_event, trace_request

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\n"


def post(web: RunningWeb, body: bytes, *headers: str, path: str = "/api/v1/lineage") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: hub",
        f"Authorization: Bearer {web.keys['writer']}",
        "Content-Type: application/json",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEALTH + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HEALTH + b"\r\n",
        HEALTH + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        HEALTH + b"Content-Length: +7\r\n\r\nabcdefg",
        HEALTH + b"Content-Length: 0x7\r\n\r\nabcdefg",
        HEALTH + b"Content-Length: -1\r\n\r\n",
        HEALTH + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        HEALTH + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEALTH + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEALTH + b"X: a\x00b\r\n\r\n",
        HEALTH + b"X A: b\r\n\r\n",
        HEALTH + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        HEALTH + b"".join(b"X%d: a\r\n" % number for number in range(1_000)) + b"\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/v1/health\r\n\r\n",
        b"GET /api/v1/health HTTP/1.2\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda data: repr(data[-40:]),
)
async def test_malformed_requests_get_one_refusal_and_a_closed_connection(
    web: RunningWeb, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await exchange(web.url, request_bytes)
    assert answer.closed
    assert answer.status in (0, 400, 405, 431)
    assert answer.answers <= 1
    assert not [record for record in caplog.records if record.exc_info], "no traceback"


async def test_a_body_declared_too_large_is_refused_from_the_header_alone(web: RunningWeb) -> None:
    answer = await exchange(web.url, post(web, b"", "Content-Length: 10000000000"))
    assert (answer.status, answer.closed) == (413, True)


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_a_body_that_drips_is_refused_and_cut_off(web: RunningWeb, framing: str) -> None:
    drip = b"1\r\n \r\n" if "chunked" in framing else b" "
    answer = await exchange(web.url, post(web, b"", framing), drip=drip, seconds=30)
    assert (answer.status, answer.closed) == (408, True)
    assert b"body_timeout" in answer.data


async def test_a_body_that_never_comes_is_refused_and_cut_off(web: RunningWeb) -> None:
    answer = await exchange(web.url, post(web, b"{", "Content-Length: 1000"), seconds=30)
    assert (answer.status, answer.closed) == (408, True)


async def test_a_body_shorter_than_declared_is_neither_answered_2xx_nor_written(
    web: RunningWeb, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps(run_event(job={"namespace": "short", "name": "body"})).encode()
    with caplog.at_level(logging.INFO):
        answer = await exchange(web.url, post(web, body, f"Content-Length: {len(body) + 1}"), finish=True)
        chunked = b"%x\r\n%s\r\n" % (len(body), body)
        second = await exchange(web.url, post(web, chunked, "Transfer-Encoding: chunked"), finish=True)
    assert {answer.status, second.status} <= {0, 400}
    assert not [record for record in caplog.records if record.exc_info], "no traceback"
    marker = json.dumps(run_event()).encode()
    headers = web.headers(Content_Type="application/json")
    async with web.client.post("/api/v1/lineage", data=marker, headers=headers) as written:
        await records.one((await written.json())["event_id"])
    assert not [record for record in records.all if b'"short"' in record.value]


@pytest.mark.parametrize(
    "chunk", [b"-7\r\nabc\r\n0\r\n\r\n", b"zz\r\nabc\r\n", b"11111111111111111\r\nabc\r\n", b"3;x\nabc\r\n0\r\n\r\n"]
)
async def test_malformed_chunks_are_refused(web: RunningWeb, chunk: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answer = await exchange(web.url, post(web, chunk, "Transfer-Encoding: chunked"))
    assert answer.closed
    assert answer.status in (0, 400)
    assert not [record for record in caplog.records if record.exc_info], "no traceback"


async def test_a_chunked_body_is_taken(web: RunningWeb) -> None:
    body = json.dumps(run_event()).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    answer = await exchange(web.url, post(web, chunks, "Transfer-Encoding: chunked", "Connection: close"))
    assert (answer.status, answer.closed) == (201, True)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_another_method_is_refused_naming_those_that_are(web: RunningWeb, method: str) -> None:
    for path in ("/api/v1/lineage/batch", "/v1/traces"):
        async with web.client.request(method, path, headers=web.headers()) as answer:
            assert answer.status == 405
            assert "POST" in answer.headers["Allow"]
            assert "method_not_allowed" in await answer.text()


async def test_an_unknown_expectation_is_refused(web: RunningWeb) -> None:
    body = trace_request().SerializeToString()
    request = post(web, body, "Expect: foo", f"Content-Length: {len(body)}", "Connection: close", path="/v1/traces")
    assert (await exchange(web.url, request)).status == 417
