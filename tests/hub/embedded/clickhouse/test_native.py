"""Native answers for a protocol revision: the block info and the flags stand where clickhouse-go and clickhouse-connect read them."""

from __future__ import annotations

import urllib.parse
import urllib.request

import pytest

from lineagehub.embedded.clickhouse.errors import EngineError
from lineagehub.embedded.clickhouse.native import BLOCK_INFO, with_revision
from tests.hub.embedded.clickhouse.conftest import ask
from tests.support.clickhouse import EmbeddedClickHouse

COLUMNS = [
    "number",
    "toString(number)",
    "[1, 2]",
    "[[toString(number)], []]",
    "(1, 'x')",
    "CAST((1, 'q'), 'Tuple(`a b` UInt8, c LowCardinality(String))')",
    "toNullable(number)",
    "toLowCardinality(toString(number))",
    "toLowCardinality(toNullable('x'))",
    "[toLowCardinality('z')]",
    "map(toLowCardinality('k'), toString(number))",
    "CAST(map(), 'Map(LowCardinality(String), String)')",
    "CAST('a', 'Enum8(\\'a, (b\\' = 2, \\'a\\' = 1)')",
    "toDateTime64(number, 9, 'UTC')",
    "toDecimal128(number, 3)",
    "toFixedString('abc', 5)",
    "toUUID('00000000-0000-0000-0000-000000000001')",
    "toIPv6('::1')",
    "toIntervalDay(number)",
    "CAST([(1, 'n')], 'Nested(a UInt8, b String)')",
    "CAST([[(0., 1.)]], 'Polygon')",
    "NULL",
]


def _native(url: str, statement: str, revision: int) -> bytes:
    parameters = {"default_format": "Native", "client_protocol_version": str(revision)}
    with urllib.request.urlopen(
        f"{url}/?{urllib.parse.urlencode(parameters)}", data=statement.encode(), timeout=60
    ) as answer:
        return bytes(answer.read())


def _header_end(block: bytes) -> int:
    """Return where the data of the one column begin: behind counts, name and type, all shorter than 128."""
    type_at = 3 + block[2]
    return type_at + 1 + block[type_at]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_each_type_keeps_its_bytes_behind_info_and_flag(server: EmbeddedClickHouse, column: str) -> None:
    plain = _native(server.url, f"SELECT {column} AS c FROM numbers(3)", 0)
    data_at = _header_end(plain)
    revised = _native(server.url, f"SELECT {column} AS c FROM numbers(3)", 54460)
    assert revised == BLOCK_INFO + plain[:data_at] + b"\0" + plain[data_at:]
    assert _native(server.url, f"SELECT {column} AS c FROM numbers(3)", 54405) == BLOCK_INFO + plain


def test_columns_side_by_side_are_told_apart(server: EmbeddedClickHouse) -> None:
    columns = ", ".join(f"{column} AS c{position}" for position, column in enumerate(COLUMNS))
    whole = _native(server.url, f"SELECT {columns} FROM numbers(3)", 54460)
    alone = []
    for position, column in enumerate(COLUMNS):
        block = _native(server.url, f"SELECT {column} AS c{position} FROM numbers(3)", 54460)
        alone.append(block[len(BLOCK_INFO) + 2 :])
    assert whole == BLOCK_INFO + bytes([len(COLUMNS), 3]) + b"".join(alone)


def test_wide_system_tables_and_several_blocks_are_read_to_their_end(server: EmbeddedClickHouse) -> None:
    plain = _native(server.url, "SELECT * FROM system.tables", 0)
    assert len(_native(server.url, "SELECT * FROM system.tables", 54460)) > len(plain)
    blocks = "SELECT number, toString(number) FROM numbers(10) SETTINGS max_block_size = 1"
    # A last, empty block may or may not follow: either way each has an info of 8 bytes and two flags.
    grown = len(_native(server.url, blocks, 54460)) - len(_native(server.url, blocks, 0))
    assert grown % 10 == 0
    assert grown >= 10 * 10


def test_a_type_that_is_not_known_is_named(server: EmbeddedClickHouse) -> None:
    status, code, text = ask(
        server.url, "SELECT sumState(1) AS s", default_format="Native", client_protocol_version="54460"
    )
    assert (status, code) == (501, "48")
    assert "AggregateFunction(sum, UInt8)" in text


def test_an_answer_that_is_cut_is_an_error_and_not_a_shorter_answer(server: EmbeddedClickHouse) -> None:
    whole = _native(server.url, "SELECT toString(number) AS c FROM numbers(3)", 0)
    with pytest.raises(EngineError, match="cannot be read"):
        with_revision(whole[:-1], 54460)
