"""A dead letter's headers: where the record lay and why it is dead, in order, and never longer than a person reads."""

from __future__ import annotations

from typing import Any

import pytest

from lineagehub.contract.dead_letter import (
    HEADER_DETAIL,
    HEADER_KEY,
    MAXIMUM_DETAIL_BYTES,
    MAXIMUM_KEY_BYTES,
    BadDeadLetter,
    DeadLetter,
    is_signed,
    read_dead_letter,
    signed_headers,
)
from lineagehub.contract.reasons import SYSTEM_REASONS, UNVERIFIED_REASONS, Reason


def letter(detail: str = "It is no JSON.") -> DeadLetter:
    return DeadLetter(Reason.INVALID_JSON, detail, "lineage-store", "openlineage-events", 3, 1234)


def test_the_headers_say_why_and_where() -> None:
    assert letter().to_headers() == [
        ("dl-reason", b"invalid_json"),
        ("dl-detail", b"It is no JSON."),
        ("dl-agent", b"lineage-store"),
        ("dl-topic", b"openlineage-events"),
        ("dl-partition", b"3"),
        ("dl-offset", b"1234"),
        ("dl-attempt", b"1"),
        ("dl-timestamp", b"0"),
    ]


@pytest.mark.parametrize("detail", ["x" * 5_000, "\N{EURO SIGN}" * 5_000, "x" + "\N{GRINNING FACE}" * 5_000])
def test_a_long_detail_is_cut_to_whole_characters(detail: str) -> None:
    written = dict(letter(detail).to_headers())[HEADER_DETAIL]
    assert MAXIMUM_DETAIL_BYTES - 4 < len(written) <= MAXIMUM_DETAIL_BYTES
    assert detail.startswith(written.decode())


def test_a_detail_that_quotes_a_lone_surrogate_can_be_written() -> None:
    assert dict(letter("a\ud800b").to_headers())[HEADER_DETAIL] == b"a?b"


def test_what_nobody_proved_is_never_the_systems_fault() -> None:
    assert not UNVERIFIED_REASONS & SYSTEM_REASONS


KEY = b"the hub's signing key"
WHOLE = DeadLetter(
    Reason.INVALID_JSON,
    "It is no JSON.",
    "lineage-store",
    "openlineage-events",
    3,
    1234,
    2,
    -1,
    b"\xff key",
    is_null=True,
)
ORIGINAL: list[tuple[str, Any]] = [
    ("lh-id", b"1"),
    ("null", None),
    ("empty", b""),
    ("dl-sig", b"of another"),
    ("dl-offset", b"9"),
]


def written(original: list[tuple[str, Any]] = ORIGINAL, value: bytes = b"{") -> list[tuple[str, Any]]:
    return signed_headers(KEY, "dead", "analytics", WHOLE.to_headers(), original, value)


def test_what_was_written_is_read_and_the_original_headers_follow_even_those_that_look_like_ours() -> None:
    assert read_dead_letter(written()) == (WHOLE, ORIGINAL)
    assert WHOLE.id == "openlineage-events:3:1234@-1"


def test_a_key_that_is_too_long_is_not_kept() -> None:
    letter = DeadLetter(Reason.INVALID_JSON, "", "", "", 0, 0, key=b"x" * (MAXIMUM_KEY_BYTES + 1))
    assert HEADER_KEY not in dict(letter.to_headers())


@pytest.mark.parametrize("missing", ["dl-reason", "dl-offset", "dl-timestamp"])
def test_what_lacks_a_header_or_has_one_that_cannot_be_read_is_no_dead_letter(missing: str) -> None:
    with pytest.raises(BadDeadLetter, match=missing):
        read_dead_letter([header for header in WHOLE.to_headers() if header[0] != missing])
    with pytest.raises(BadDeadLetter, match="cannot be read"):
        read_dead_letter([(name, b"?" if name == missing else value) for name, value in WHOLE.to_headers()])


def test_the_signature_is_over_topic_lane_every_header_and_the_value() -> None:
    headers = written()
    assert is_signed(KEY, "dead", b"analytics", headers, b"{")
    assert not is_signed(b"another key", "dead", b"analytics", headers, b"{")
    assert not is_signed(KEY, "other", b"analytics", headers, b"{")
    assert not is_signed(KEY, "dead", b"another", headers, b"{")
    assert not is_signed(KEY, "dead", None, headers, b"{")
    assert not is_signed(KEY, "dead", b"\xff", headers, b"{")
    assert not is_signed(KEY, "dead", b"analytics", headers, b"{}")
    for index, (name, value) in enumerate(headers):
        changed = [*headers[:index], (name, b"" if value is None else value + b"x"), *headers[index + 1 :]]
        assert not is_signed(KEY, "dead", b"analytics", changed, b"{"), name
        assert not is_signed(KEY, "dead", b"analytics", [*headers[:index], *headers[index + 1 :]], b"{"), name
    assert not is_signed(KEY, "dead", b"analytics", [*headers, ("more", b"")], b"{")
