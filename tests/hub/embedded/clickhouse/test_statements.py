"""What a statement is, read off its tokens: where an insert's data begin, in which format an answer comes."""

from __future__ import annotations

import pytest

from lineagehub.embedded.clickhouse.statements import Insert, engine_text, read_statement


@pytest.mark.parametrize(
    ("sql", "head", "data_format", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"INSERT INTO t ", "CSV", b"1,2"),
        (b"insert into db.format (a, b) format JSONEachRow {}", b"insert into db.format (a, b) ", "JSONEachRow", b"{}"),
        (b"INSERT INTO values VALUES (1)", b"INSERT INTO values ", "Values", b" (1)"),
        (b"INSERT INTO `a FORMAT x` (b) VALUES", b"INSERT INTO `a FORMAT x` (b) ", "Values", b""),
        (b"INSERT INTO TABLE t SETTINGS format_schema='FORMAT x' FORMAT Protobuf;",
         b"INSERT INTO TABLE t SETTINGS format_schema='FORMAT x' ", "Protobuf", b""),
        (b"INSERT INTO FUNCTION file('x') FORMAT TSV \r\n1\n", b"INSERT INTO FUNCTION file('x') ", "TSV", b"1\n"),
        (b"INSERT INTO t FORMAT RowBinary\n\n\xff;", b"INSERT INTO t ", "RowBinary", b"\n\xff;"),
        (b"INSERT INTO t (a)", b"INSERT INTO t (a)", "", b""),
    ],
)  # fmt: skip
def test_the_data_of_an_insert_begin_behind_its_format(sql: bytes, head: bytes, data_format: str, data: bytes) -> None:
    statement = read_statement(sql)
    assert statement.insert == Insert(head, data_format, data)
    assert not statement.only_reads


@pytest.mark.parametrize(
    "sql",
    [
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t (a) WITH 1 AS x SELECT x",
        b"INSERT INTO t (a) (SELECT 1)",
        b"SELECT 1",
    ],
)
def test_rows_by_select_are_no_data(sql: bytes) -> None:
    assert read_statement(sql).insert is None


@pytest.mark.parametrize(
    ("sql", "answer_format"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1;", "JSON"),
        (b"SELECT format FROM t", ""),
        (b"SELECT 1 AS format FORMAT CSV -- FORMAT x", "CSV"),
        (b"SELECT * FROM (SELECT 1 FORMAT JSON)", ""),
        (b"SELECT 'FORMAT JSON', $$ FORMAT CSV $$", ""),
    ],
)
def test_the_format_of_an_answer_is_that_of_its_last_clause(sql: bytes, answer_format: str) -> None:
    assert read_statement(sql).format == answer_format


@pytest.mark.parametrize(
    "sql", [b"(SELECT 1) UNION ALL SELECT 2", b"SHOW TABLES", b"/* INSERT */ WITH 1 AS x SELECT x"]
)
def test_reads_are_known_as_reads(sql: bytes) -> None:
    assert read_statement(sql).only_reads


def test_a_byte_that_is_no_utf8_becomes_an_escape() -> None:
    assert engine_text(b"SELECT '\xff\xc3\xa9'") == "SELECT '\\xFF\N{LATIN SMALL LETTER E WITH ACUTE}'"
