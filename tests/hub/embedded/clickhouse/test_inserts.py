"""Streamed inserts: whole or not at all, whatever the client, its encoding or its connection does."""

from __future__ import annotations

import gzip
import http.client
import socket
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cramjam
import pytest
from backports import zstd

from tests.hub.embedded.clickhouse.conftest import ask
from tests.support.clickhouse import EmbeddedClickHouse, start_embedded_clickhouse
from tests.support.waiting import wait_until

ROWS = b'{"a":1}\n{"a":2}\n'
MANY_ROWS = 8_000_000
"""More than the engine keeps back with block sizes of its own: there, an insert given up behind so many leaves most of them stored."""


def _table(url: str, name: str) -> str:
    status, _, text = ask(url, f"CREATE TABLE {name} (a UInt64) ENGINE = MergeTree ORDER BY a")
    assert status == 200, text
    return name


def _count(url: str, table: str) -> int:
    return int(ask(url, f"SELECT count() FROM {table}")[2])


def _begin_insert(url: str, table: str, session: str, framing: str, data: bytes) -> socket.socket:
    """Send the beginning of an insert in a named session, and wait until it holds its session."""
    query = {"query": f"INSERT INTO {table} FORMAT CSV", "session_id": session}
    host, port = url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(f"POST /?{urllib.parse.urlencode(query)} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode() + data)
    wait_until(lambda: ask(url, "SELECT 1", session_id=session)[1] == "373", 30, "the insert to hold its session")
    return client


@pytest.mark.parametrize("framing", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
def test_a_client_that_leaves_in_mid_insert_stores_nothing_and_its_session_is_usable(
    server: EmbeddedClickHouse, framing: str
) -> None:
    session = table = _table(server.url, f"left_{len(framing)}")
    data = b"1\n" * 10_000
    sent = f"{len(data):x}\r\n".encode() + data + b"\r\n" if "chunked" in framing else data
    _begin_insert(server.url, table, session, framing, sent).close()
    wait_until(lambda: ask(server.url, "SELECT 1", session_id=session)[2] == "1\n", 60, "the insert to be given up")
    assert _count(server.url, table) == 0
    assert ask(server.url, f"INSERT INTO {table} FORMAT JSONEachRow", ROWS, session_id=session)[0] == 200
    assert _count(server.url, table) == 2


def test_clients_that_stand_still_stop_neither_reads_nor_inserts_and_are_given_up(tmp_path: Path) -> None:
    with start_embedded_clickhouse(tmp_path, None, "--threads", "1", "--receive-seconds", "2") as server:
        table = _table(server.url, "still")
        clients = [_begin_insert(server.url, table, f"still {n}", "Content-Length: 9", b"1\n") for n in range(3)]
        assert ask(server.url, f"INSERT INTO {table} FORMAT JSONEachRow", ROWS)[0] == 200
        answers = [client.makefile("rb").read(12) for client in clients]
        assert answers == [b"HTTP/1.1 503"] * 3
        assert _count(server.url, table) == 2
        for client in clients:
            client.close()


def test_a_bad_row_behind_many_good_ones_stores_nothing(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "late")
    status, code, _ = ask(server.url, f"INSERT INTO {table} FORMAT CSV", b"1\n" * MANY_ROWS + b"x\n")
    assert (status, code) == (400, "117")
    assert _count(server.url, table) == 0


def test_a_large_body_in_chunks_arrives_whole(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "large")

    def body() -> Iterator[bytes]:
        for start in range(0, 1_000_000, 10_000):
            yield b"".join(b"%d\n" % number for number in range(start, start + 10_000))

    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    query = urllib.parse.quote(f"INSERT INTO {table} FORMAT CSV")
    connection.request("POST", f"/?query={query}", body(), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()
    assert ask(server.url, f"SELECT count(), uniqExact(a), max(a) FROM {table}")[2] == "1000000\t1000000\t999999\n"


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_body_of_several_compressed_streams_is_taken_whole_and_a_cut_one_not_at_all(
    server: EmbeddedClickHouse, encoding: str
) -> None:
    table = _table(server.url, f"packed_{encoding}")
    pack = PACKERS[encoding]
    two = pack(ROWS * 100_000) + pack(ROWS)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    query = urllib.parse.quote(f"INSERT INTO {table} FORMAT JSONEachRow")
    for body, status in ((two, 200), (two[:-6], 500)):
        connection.request("POST", f"/?query={query}", body, {"Content-Encoding": encoding})
        answer = connection.getresponse()
        assert answer.status == status, answer.read()
        answer.read()
    connection.close()
    assert _count(server.url, table) == 200_002


def test_parameters_bind_in_inserts_and_values_may_be_expressions(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "bound")
    assert ask(server.url, "INSERT INTO {t:Identifier} FORMAT CSV", b"1\n", param_t=table)[0] == 200
    assert ask(server.url, f"INSERT INTO {table} VALUES (1 + 1), ({{x:UInt64}})", param_x="3")[0] == 200
    assert ask(server.url, f"INSERT INTO {table} SELECT {{x:UInt64}}", param_x="4")[0] == 200
    assert ask(server.url, f"SELECT groupArray(a) FROM (SELECT a FROM {table} ORDER BY a)")[2] == "[1,2,3,4]\n"


@pytest.mark.parametrize("settings", [{"async_insert": "1", "wait_for_async_insert": "1"}, {"async_insert": "0"}])
def test_asynchronous_inserts_are_accepted_and_there_at_once(
    server: EmbeddedClickHouse, settings: dict[str, str]
) -> None:
    table = _table(server.url, f"asynchronous_{settings['async_insert']}")
    assert ask(server.url, f"INSERT INTO {table} FORMAT JSONEachRow", ROWS, **settings)[0] == 200
    assert _count(server.url, table) == 2
