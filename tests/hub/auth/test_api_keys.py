"""API keys: their shape, that typing errors and garbage are told without a look-up, and that nothing prints a secret."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineagehub.auth.api_keys import ALPHABET, checksum, make_api_key, parse_api_key
from lineagehub.contract.control import SignatureAlgorithm

KEY = make_api_key("dev")


def test_a_new_key_can_be_parsed_back() -> None:
    assert parse_api_key(KEY.text) == KEY
    assert KEY.text == f"lh_dev_{KEY.kid}_{KEY.secret}{checksum(f'lh_dev_{KEY.kid}_{KEY.secret}')}"
    assert len(KEY.kid) == 8
    # 43 base62 digits hold 256 bits.
    assert 62 ** len(KEY.secret) > 2**256


def test_a_key_of_ed25519_says_so_and_can_be_parsed_back() -> None:
    key = make_api_key("dev", SignatureAlgorithm.ED25519)
    assert key.text == f"lh_dev_ed25519_{key.kid}_{key.secret}{checksum(f'lh_dev_ed25519_{key.kid}_{key.secret}')}"
    assert parse_api_key(key.text) == key
    assert parse_api_key(key.text.replace("ed25519_", "")) is None
    assert parse_api_key(KEY.text.replace("lh_dev_", "lh_dev_ed25519_")) is None


def test_keys_never_repeat() -> None:
    keys = [make_api_key("dev") for _ in range(200)]
    assert len({key.kid for key in keys}) == len({key.secret for key in keys}) == 200


def test_a_key_never_shows_its_secret_when_printed() -> None:
    assert KEY.secret not in repr(KEY)
    assert KEY.secret not in f"{KEY}"
    assert KEY.kid in repr(KEY)


def test_the_digest_is_sha_256_of_the_whole_key() -> None:
    assert KEY.digest == hashlib.sha256(KEY.text.encode()).hexdigest()


def test_the_checksum_is_crc32_in_six_base62_digits_most_significant_first() -> None:
    number = 0
    for character in checksum("lh_dev_x"):
        number = number * 62 + ALPHABET.index(character)
    assert number == zlib.crc32(b"lh_dev_x")
    assert len(checksum("lh_dev_x")) == 6


@given(st.integers(0, len(KEY.text) - 1), st.sampled_from(ALPHABET + "_- \n"))
def test_one_wrong_character_anywhere_is_no_key(position: int, character: str) -> None:
    text = KEY.text[:position] + character + KEY.text[position + 1 :]
    assert (parse_api_key(text) is None) == (text != KEY.text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lh_",
        "Bearer " + KEY.text,
        KEY.text + " ",
        KEY.text + "\n",
        " " + KEY.text,
        KEY.text[:-1],
        KEY.text + "0",
        KEY.text.upper(),
        KEY.text.replace("lh_dev_", "lh_DEV_"),
        KEY.text.replace("lh_dev_", "lh_prod_"),
        KEY.text.replace("lh_dev_", "lh__"),
        "\0" * 64,
        "x" * 10_000_000,
        KEY.text.replace(KEY.kid, "名" * 8),
        KEY.text.replace("0", "\N{FULLWIDTH DIGIT ZERO}") + "\N{FULLWIDTH DIGIT ZERO}",
    ],
    ids=[
        *(
            "empty",
            "prefix",
            "scheme before",
            "space behind",
            "line break behind",
            "space before",
            "cut",
            "longer",
            "upper case",
        ),
        *(
            "environment in upper case",
            "other environment",
            "no environment",
            "nulls",
            "endless",
            "kid of others",
            "wide digits",
        ),
    ],
)
def test_garbage_is_no_key(text: str) -> None:
    assert parse_api_key(text) is None


@given(st.text(max_size=140))
def test_no_text_whatever_raises(text: str) -> None:
    assert parse_api_key(text) is None
