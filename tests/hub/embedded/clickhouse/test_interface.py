"""The embedded server answers as ClickHouse's HTTP interface does: clients that know nothing of it work unmodified."""

from __future__ import annotations

import gzip
import http.client
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import aiochclient
import aiohttp
import clickhouse_connect
import pytest

from tests.hub.embedded.clickhouse.conftest import ask
from tests.support.clickhouse import EmbeddedClickHouse, start_embedded_clickhouse
from tests.support.waiting import wait_until

JSON_ROWS = b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n'


def _table(url: str, name: str) -> str:
    status, _, text = ask(
        url,
        f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100",
    )
    assert status == 200, text
    return name


def test_ping_and_the_version_of_the_engine(server: EmbeddedClickHouse) -> None:
    with urllib.request.urlopen(server.url + "/ping") as answer:
        assert answer.read() == b"Ok.\n"
    assert ask(server.url, "SELECT version()")[2].startswith("26.")


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("SELECT * FROM nope", 404, "60"),
        ("SELEC 1", 400, "62"),
        ("SELECT toUInt8('x')", 400, "6"),
        ("CREATE USER someone", 403, "497"),
    ],
)
def test_errors_have_clickhouse_status_header_and_text(
    server: EmbeddedClickHouse, statement: str, status: int, code: str
) -> None:
    found_status, found_code, text = ask(server.url, statement)
    assert (found_status, found_code) == (status, code), text
    assert text.startswith(f"Code: {code}. DB::Exception:")


def test_parameters_are_bound_by_the_server_in_the_interfaces_escaping(server: EmbeddedClickHouse) -> None:
    assert ask(server.url, "SELECT {x:String} AS v FORMAT JSONEachRow", param_x="it's \\t \\\\ {y}")[2] == (
        '{"v":"it\'s \\t \\\\ {y}"}\n'
    )
    assert ask(server.url, "SELECT arrayJoin({x:Array(String)})", param_x="['a','b']")[2] == "a\nb\n"


def test_settings_of_the_url_hold_for_one_statement_only(server: EmbeddedClickHouse) -> None:
    read = "SELECT getSetting('max_result_rows')"
    assert ask(server.url, read, max_result_rows="7")[2] == "7\n"
    assert {ask(server.url, read)[2] for _ in range(20)} == {"0\n"}
    status, code, _ = ask(server.url, "SELECT 1", no_such_setting="1")
    assert (status, code) == (404, "115")


def test_an_insert_with_a_repeated_token_adds_nothing(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "tokens")
    for _ in range(2):
        status, _, text = ask(
            server.url,
            f"INSERT INTO {table} FORMAT JSONEachRow",
            JSON_ROWS,
            insert_deduplication_token="t",
            async_insert="0",
        )
        assert status == 200, text
    assert ask(server.url, f"SELECT count() FROM {table}")[2] == "2\n"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {t} VALUES (1, 'a;FORMAT x'), (2, 'b')",
        "INSERT INTO {t} (a, b) SELECT number, 'x' FROM numbers(2)",
        "INSERT INTO {t} FORMAT JSONEachRow " + JSON_ROWS.decode(),
        "/* a comment with FORMAT CSV */ INSERT INTO {t} (a, b) FORMAT TabSeparated\n1\tx\n2\ty\n",
        "INSERT INTO {t} SETTINGS max_threads = 1 FORMAT CSV\n1,x\n2,y\n",
    ],
)
def test_every_way_to_write_an_insert_in_one_body(server: EmbeddedClickHouse, statement: str) -> None:
    table = f"ways_{abs(hash(statement))}"
    _table(server.url, table)
    status, _, text = ask(server.url, statement.replace("{t}", table))
    assert status == 200, text
    assert ask(server.url, f"SELECT count() FROM {table}")[2] == "2\n"


def test_a_bad_row_stores_nothing_of_its_insert(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "bad_row")
    status, code, _ = ask(server.url, f"INSERT INTO {table} FORMAT JSONEachRow", JSON_ROWS + b'{"a":"no')
    assert status == 400
    assert code in ("26", "27")
    assert ask(server.url, f"SELECT count() FROM {table}")[2] == "0\n"


def test_bodies_and_answers_may_be_gzipped(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "zipped")
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    query = urllib.parse.quote(f"INSERT INTO {table} FORMAT JSONEachRow")
    connection.request("POST", f"/?query={query}", gzip.compress(JSON_ROWS), {"Content-Encoding": "gzip"})
    assert connection.getresponse().read() == b""
    connection.request("POST", f"/?query={query}", gzip.compress(JSON_ROWS)[:-9], {"Content-Encoding": "gzip"})
    cut = connection.getresponse()
    assert cut.status >= 400
    assert b"no complete gzip stream" in cut.read()
    connection.request(
        "POST", "/?enable_http_compression=1", f"SELECT count() FROM {table}", {"Accept-Encoding": "gzip"}
    )
    answer = connection.getresponse()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.read()) == b"2\n"
    connection.close()


def test_readonly_requests_cannot_write(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "guarded")
    assert ask(server.url, f"DROP TABLE {table}", readonly="1")[1] == "164"
    assert ask(server.url, f"SELECT count() FROM {table}", readonly="1")[2] == "0\n"


async def test_aiochclient_works_unmodified(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "aioch")
    async with aiohttp.ClientSession() as session:
        client = aiochclient.ChClient(session, url=server.url)
        await client.execute(f"INSERT INTO {table} (a, b) VALUES", (1, "it's"), (2, "b\\c"))
        rows = await client.fetch(f"SELECT a, b FROM {table} ORDER BY a")
        assert [(row["a"], row["b"]) for row in rows] == [(1, "it's"), (2, "b\\c")]


def test_clickhouse_connect_works_unmodified(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "connect")
    host, port = server.url.removeprefix("http://").split(":")
    client = clickhouse_connect.get_client(host=host, port=int(port))
    client.insert(table, [[1, "x"], [2, "y"], [3, "z"]], column_names=["a", "b"])
    rows = client.query(f"SELECT b FROM {table} WHERE a > {{low:UInt64}} ORDER BY a", parameters={"low": 1}).result_rows
    assert [tuple(row) for row in rows] == [("y",), ("z",)]
    client.close()


def test_reads_go_on_while_an_insert_streams(server: EmbeddedClickHouse) -> None:
    table = _table(server.url, "streamed")
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    query = urllib.parse.quote(f"INSERT INTO {table} FORMAT JSONEachRow")
    half, go_on = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield JSON_ROWS * 10_000
        half.set()
        go_on.wait(60)
        yield JSON_ROWS

    def send() -> None:
        connection.request(
            "POST", f"/?query={query}", body(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
        )
        assert connection.getresponse().status == 200

    sender = threading.Thread(target=send)
    sender.start()
    assert half.wait(30)
    assert [ask(server.url, "SELECT 1")[2] for _ in range(10)] == ["1\n"] * 10
    go_on.set()
    sender.join(60)
    connection.close()
    assert ask(server.url, f"SELECT count() FROM {table}")[2] == "20002\n"


def test_data_are_there_after_kill_9_and_so_is_the_memory_of_tokens(tmp_path: Path) -> None:
    with start_embedded_clickhouse(tmp_path) as first:
        _table(first.url, "kept")
        ask(
            first.url,
            "INSERT INTO kept FORMAT JSONEachRow",
            JSON_ROWS,
            insert_deduplication_token="t",
            async_insert="0",
        )
        first.kill()
    with start_embedded_clickhouse(tmp_path) as second:
        ask(
            second.url,
            "INSERT INTO kept FORMAT JSONEachRow",
            JSON_ROWS,
            insert_deduplication_token="t",
            async_insert="0",
        )
        assert ask(second.url, "SELECT count() FROM kept")[2] == "2\n"
        assert second.stop() == 0


def test_a_schema_in_a_statement_leaves_nothing_where_the_server_was_started(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    schema = 'syntax = "proto3"; message Row { uint64 a = 1; string b = 2; }'
    with start_embedded_clickhouse(tmp_path / "data", elsewhere) as server:
        _table(server.url, "described")
        status, _, text = ask(
            server.url,
            "INSERT INTO described FORMAT Protobuf",
            b"\x05\x08\x01\x12\x01x",
            format_schema_source="string",
            format_schema=schema,
            format_schema_message_name="Row",
        )
        assert status == 200, text
        assert ask(server.url, "SELECT a, b FROM described")[2] == "1\tx\n"
    assert list(elsewhere.iterdir()) == []


def test_a_directory_in_use_and_a_broken_one_are_one_sentence_and_exit_78(
    server: EmbeddedClickHouse, tmp_path: Path
) -> None:
    in_use = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
    data = in_use[in_use.index("--data") + 1]
    (tmp_path / "file").write_text("")
    for directory, words in ((data, "Another process serves"), (str(tmp_path / "file"), "cannot be used")):
        result = subprocess.run(
            [sys.executable, "-m", "lineagehub.embedded.clickhouse", "--data", directory, "--port", "0"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 78
        assert words in result.stderr
        assert "Traceback" not in result.stderr


def test_a_taken_port_is_exit_75(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "lineagehub.embedded.clickhouse",
                "--data",
                str(tmp_path),
                "--port",
                str(taken.getsockname()[1]),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 75
    wait_until(lambda: "is taken" in result.stderr, 1, "the sentence")
