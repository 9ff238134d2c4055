"""Sealing: a signing key at rest opens under the same secret for the same key id, and under nothing else."""

from __future__ import annotations

import base64

import pytest

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.contract.control import SignatureAlgorithm
from lineagehub.contract.headers import derive_signing_key

SECRET = "s" * 32
SIGNING_KEY = derive_signing_key("secret", "Abcd1234")


def test_what_is_sealed_opens_again() -> None:
    assert Sealer(SECRET).open(Sealer(SECRET).seal(SIGNING_KEY, "Abcd1234"), "Abcd1234") == SIGNING_KEY


def test_sealing_twice_gives_different_text_without_the_key_in_it() -> None:
    first, second = (Sealer(SECRET).seal(SIGNING_KEY, "Abcd1234") for _ in range(2))
    assert first != second
    assert SIGNING_KEY not in base64.b64decode(first)


def test_another_secret_opens_nothing() -> None:
    assert Sealer("t" * 32).open(Sealer(SECRET).seal(SIGNING_KEY, "Abcd1234"), "Abcd1234") is None


def test_a_sealed_key_cannot_be_moved_to_another_key_id() -> None:
    assert Sealer(SECRET).open(Sealer(SECRET).seal(SIGNING_KEY, "Abcd1234"), "Abcd1235") is None


def test_a_sealed_key_cannot_be_moved_to_another_algorithm() -> None:
    sealer = Sealer(SECRET)
    hmac_key, public_key = (sealer.seal(SIGNING_KEY, "Abcd1234", algorithm) for algorithm in SignatureAlgorithm)
    assert sealer.open(public_key, "Abcd1234", SignatureAlgorithm.ED25519) == SIGNING_KEY
    assert sealer.open(public_key, "Abcd1234") is None
    assert sealer.open(hmac_key, "Abcd1234", SignatureAlgorithm.ED25519) is None


@pytest.mark.parametrize("sealed", ["", "AA==", "not base64!", "A" * 44, "=" * 8, "\0", "名"])
def test_garbage_opens_to_nothing(sealed: str) -> None:
    assert Sealer(SECRET).open(sealed, "Abcd1234") is None


def test_a_flipped_bit_opens_to_nothing() -> None:
    sealed = bytearray(base64.b64decode(Sealer(SECRET).seal(SIGNING_KEY, "Abcd1234")))
    sealed[-1] ^= 1
    assert Sealer(SECRET).open(base64.b64encode(sealed).decode(), "Abcd1234") is None


def test_the_hubs_own_key_follows_from_the_secret_alone() -> None:
    assert Sealer(SECRET).hub_signing_key == Sealer(SECRET).hub_signing_key
    assert Sealer(SECRET).hub_signing_key != Sealer("t" * 32).hub_signing_key


def test_no_tenants_key_id_can_be_the_hubs() -> None:
    # Key ids have letters and digits only (contract/control.py).
    assert not HUB_KEY_ID.isalnum()


def test_the_key_of_cursors_is_of_the_secret_and_of_no_other_use() -> None:
    one, same, other = Sealer("a secret key"), Sealer("a secret key"), Sealer("another secret key")
    assert one.cursor_key == same.cursor_key
    assert one.cursor_key not in (other.cursor_key, one.hub_signing_key)
