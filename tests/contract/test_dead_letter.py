"""A dead letter's headers: where the record lay and why it is dead, in order, and never longer than a person reads."""

from __future__ import annotations

import pytest

from lineagehub.contract.dead_letter import HEADER_DETAIL, MAXIMUM_DETAIL_BYTES, DeadLetter
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
