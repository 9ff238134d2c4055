"""A request changes nothing for another one: not by settings, SET, USE, temporary tables, a second statement, or by failing."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from tests.hub.embedded.clickhouse.conftest import ask
from tests.support.clickhouse import EmbeddedClickHouse

MANY = 20
"""More requests than the server has threads, so that one that kept something would be met."""


def test_set_use_and_temporary_tables_end_with_their_request(server: EmbeddedClickHouse) -> None:
    for statement in (
        "SET max_result_rows = 5",
        "CREATE DATABASE elsewhere",
        "USE elsewhere",
        "CREATE TEMPORARY TABLE kept (a Int8)",
    ):
        assert ask(server.url, statement)[0] == 200
    assert {ask(server.url, "SELECT getSetting('max_result_rows')")[2] for _ in range(MANY)} == {"0\n"}
    assert {ask(server.url, "SELECT currentDatabase()")[2] for _ in range(MANY)} == {"default\n"}
    assert {ask(server.url, "SELECT * FROM kept")[1] for _ in range(MANY)} == {"60"}


def test_settings_do_not_outlive_a_statement_that_failed_or_an_insert(server: EmbeddedClickHouse) -> None:
    ask(server.url, "CREATE TABLE isolated (a UInt64) ENGINE = Memory")
    assert ask(server.url, "SELECT nothing", max_result_rows="7")[1] == "47"
    assert ask(server.url, "SELECT 1", max_result_rows="7", no_such_setting="1")[:2] == (404, "115")
    assert ask(server.url, "INSERT INTO isolated FORMAT CSV", b"1\n", max_result_rows="7")[0] == 200
    assert ask(server.url, "INSERT INTO isolated FORMAT CSV", b"x\n", max_result_rows="7")[1] == "117"
    assert {ask(server.url, "SELECT getSetting('max_result_rows')")[2] for _ in range(MANY)} == {"0\n"}


@pytest.mark.parametrize("second", ["SELECT 2", "DROP TABLE stays", "/* ; */ SELECT 2"])
def test_a_second_statement_is_refused_and_none_is_run(server: EmbeddedClickHouse, second: str) -> None:
    ask(server.url, "CREATE TABLE IF NOT EXISTS stays (a UInt64) ENGINE = Memory")
    assert ask(server.url, f"INSERT INTO stays SELECT 1; {second}")[:2] == (400, "62")
    assert ask(server.url, f"SELECT 1; {second}", readonly="1")[:2] == (400, "62")
    assert ask(server.url, "SELECT count() FROM stays")[2] == "0\n"


def test_a_semicolon_at_the_end_in_a_text_or_in_a_comment_is_no_second_statement(server: EmbeddedClickHouse) -> None:
    assert ask(server.url, "SELECT ';' /* ; SELECT */ -- ; SELECT\n;\n")[2] == ";\n"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE guarded",
        "INSERT INTO guarded VALUES (1)",
        "WITH 1 AS a INSERT INTO guarded SELECT a",
        "CREATE DATABASE new",
    ],
)
def test_a_reading_request_cannot_write(server: EmbeddedClickHouse, statement: str) -> None:
    ask(server.url, "CREATE TABLE IF NOT EXISTS guarded (a UInt64) ENGINE = Memory")
    assert ask(server.url, statement, readonly="1")[1] == "164"
    assert ask(server.url, statement, readonly="2", session_id="reader")[1] == "164"
    assert ask(server.url, "SELECT count() FROM guarded", readonly="1", max_threads="1")[2] == "0\n"


def test_get_reads_and_may_not_write(server: EmbeddedClickHouse) -> None:
    with urllib.request.urlopen(server.url + "/?query=SELECT%201&max_threads=1", timeout=60) as answer:
        assert answer.read() == b"1\n"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(server.url + "/?query=CREATE%20DATABASE%20new", timeout=60)
    assert refused.value.headers["X-ClickHouse-Exception-Code"] == "164"
    refused.value.close()


def test_a_named_session_keeps_what_it_set_and_made_and_forgets_the_urls_settings(server: EmbeddedClickHouse) -> None:
    for statement in (
        "SET max_result_rows = 5",
        "CREATE TEMPORARY TABLE own (a Int8)",
        "INSERT INTO own VALUES (1), (2)",
    ):
        assert ask(server.url, statement, session_id="mine")[0] == 200
    assert ask(server.url, "SELECT count() FROM own", session_id="mine")[2] == "2\n"
    read = "SELECT getSetting('max_result_rows'), getSetting('max_block_size') = 77, currentDatabase()"
    changed = ask(server.url, read, session_id="mine", max_result_rows="9", max_block_size="77", database="system")
    assert changed[2] == "9\t1\tsystem\n"
    assert ask(server.url, read, session_id="mine")[2] == "5\t0\tdefault\n"
    assert ask(server.url, "SELECT 1", session_id="never", session_check="1")[1] == "372"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SYSTEM SHUTDOWN", "344"),
        ("SYSTEM KILL", "344"),
        ("SELECT 1 INTO OUTFILE 'x'", "358"),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", "78"),
    ],
)
def test_what_reaches_beyond_the_data_is_refused(server: EmbeddedClickHouse, statement: str, code: str) -> None:
    assert ask(server.url, statement)[1] == code
    assert ask(server.url, "SELECT 1")[2] == "1\n"


def test_bytes_that_are_no_utf8_stay_themselves(server: EmbeddedClickHouse) -> None:
    request = urllib.request.Request(server.url + "/?param_x=%FE", data=b"SELECT hex('\xff'), hex({x:String})")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.read() == b"FF\tFE\n"
