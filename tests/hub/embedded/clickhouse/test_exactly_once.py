"""What exactly-once delivery rests on: one token is stored once in every table behind a landing table, through kill -9."""

from __future__ import annotations

from pathlib import Path

from tests.hub.embedded.clickhouse.conftest import ask
from tests.support.clickhouse import EmbeddedClickHouse, start_embedded_clickhouse

TARGETS = ("by_number", "by_name")
TARGET_ENGINE = "ENGINE = MergeTree ORDER BY number SETTINGS non_replicated_deduplication_window = 1000"
SETTINGS = {
    "format_schema_source": "string",
    "format_schema": 'syntax = "proto3";\nmessage Row { uint64 number = 1; string name = 2; } // it\'s one',
    "format_schema_message_name": "Row",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "async_insert": "0",
}


def _rows(first: int, last: int) -> bytes:
    """Return length-prefixed messages, each with a one-byte number."""
    return b"".join(b"\x05\x08" + bytes([number]) + b"\x12\x01x" for number in range(first, last))


def _create(url: str) -> None:
    statements = ["CREATE TABLE landing (number UInt64, name String) ENGINE = Null"]
    for target in TARGETS:
        statements += [
            f"CREATE TABLE {target} (number UInt64, name String) {TARGET_ENGINE}",
            f"CREATE MATERIALIZED VIEW into_{target} TO {target} AS SELECT number, name FROM landing",
        ]
    for statement in statements:
        status, _, text = ask(url, statement)
        assert status == 200, text


def _insert(url: str, body: bytes, token: str, **settings: str) -> tuple[int, str | None, str]:
    return ask(
        url, "INSERT INTO landing FORMAT Protobuf", body, **SETTINGS, insert_deduplication_token=token, **settings
    )


def _counts(server: EmbeddedClickHouse) -> list[str]:
    return [ask(server.url, f"SELECT count() FROM {target}")[2].strip() for target in TARGETS]


def test_a_repeated_token_adds_nothing_to_any_target_through_kill_9(tmp_path: Path) -> None:
    with start_embedded_clickhouse(tmp_path) as first:
        _create(first.url)
        for _ in range(2):
            assert _insert(first.url, _rows(1, 101), "t:0:1-100")[0] == 200
            assert _counts(first) == ["100", "100"]
        # Cut into many blocks, each of which must be known again.
        for _ in range(2):
            assert _insert(first.url, _rows(1, 101) * 100, "t:0:101-200", max_block_size="1000")[0] == 200
            assert _counts(first) == ["10100", "10100"]
        first.kill()
    with start_embedded_clickhouse(tmp_path) as second:
        assert _insert(second.url, _rows(1, 101), "t:0:1-100")[0] == 200
        assert _counts(second) == ["10100", "10100"]
        assert _insert(second.url, _rows(1, 101), "t:0:201-300")[0] == 200
        assert _counts(second) == ["10200", "10200"]


def test_a_truncated_message_fails_the_whole_insert_and_its_token_stays_unused(tmp_path: Path) -> None:
    with start_embedded_clickhouse(tmp_path) as server:
        _create(server.url)
        status, code, text = _insert(server.url, _rows(1, 101)[:-2], "t:0:1-100")
        assert (status, code) == (500, "32"), text
        assert _counts(server) == ["0", "0"]
        assert _insert(server.url, _rows(1, 101), "t:0:1-100")[0] == 200
        assert _counts(server) == ["100", "100"]
