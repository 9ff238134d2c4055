"""API keys: `lh_<environment>_<kid>_<secret><crc>`. Made once and shown once; only the digest is stored.

A key whose holder signs Kafka records by Ed25519 says so, so that the one string configures a client:
`lh_<environment>_ed25519_<kid>_<secret><crc>`.

The prefix is for scanners, `_` selects on a double click, the checksum discards typing errors without a look-up. A 256-bit
random secret needs no slow hash (0.8 us against 73 ms a request, security.md section 4).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass

from lineagehub.contract.control import SignatureAlgorithm

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_ID_LENGTH = 8
SECRET_LENGTH = 43
"""43 base62 characters hold 256 bits."""
CHECKSUM_LENGTH = 6
MAXIMUM_LENGTH = 128
"""No key is longer: what is, is not looked at."""

_PATTERN = re.compile(
    rf"lh_([a-z]{{1,16}})_(?:(ed25519)_)?([0-9A-Za-z]{{{KEY_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey:
    """One API key in clear. Its repr hides it, so that no log or traceback shows it."""

    text: str
    environment: str
    kid: str
    secret: str
    algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256

    def __repr__(self) -> str:
        return f"ApiKey(kid={self.kid!r})"

    @property
    def digest(self) -> str:
        """SHA-256 of the whole key, hexadecimal: what is stored and looked up."""
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """Return the digest of an API key in clear, by which it is looked up: the digest of a guess says nothing about a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_api_key(environment: str, algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256) -> ApiKey:
    """Return a new random key, whose holder signs by `algorithm`."""
    kid = _random_text(KEY_ID_LENGTH)
    secret = _random_text(SECRET_LENGTH)
    marked = "" if algorithm is SignatureAlgorithm.HMAC_SHA256 else f"{algorithm.value}_"
    body = f"lh_{environment}_{marked}{kid}_{secret}"
    return ApiKey(body + checksum(body), environment, kid, secret, algorithm)


def parse_api_key(text: str) -> ApiKey | None:
    """Return the key that `text` is, or None if its shape or its checksum is wrong. Constant work for any input."""
    match = _PATTERN.fullmatch(text) if len(text) <= MAXIMUM_LENGTH and text.isascii() else None
    if match is None:
        return None
    environment, marked, kid, secret, check = match.groups()
    if checksum(text[: -len(check)]) != check:
        return None
    algorithm = SignatureAlgorithm(marked) if marked else SignatureAlgorithm.HMAC_SHA256
    return ApiKey(text, environment, kid, secret, algorithm)


def checksum(body: str) -> str:
    """Return CRC32 of `body` as six base62 characters, most significant first."""
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
