"""SCRAM credentials as a broker stores them (RFC 5802): the salted password only; the password itself never leaves the process."""

from __future__ import annotations

import hashlib
import os
import secrets

from lineagehub.errors import ConfigurationError

MECHANISM = "SCRAM-SHA-512"
MECHANISM_NUMBER = 2
"""SCRAM-SHA-512 in Kafka's protocol."""
ITERATIONS = 8_192
"""Kafka takes 4,096 to 16,384. A password of 256 random bits needs none of them."""
SALT_BYTES = 24
LEAST_PASSWORD_CHARACTERS = 16


def new_password() -> str:
    """Return a random password of 256 bits, of letters, digits, dash and underscore."""
    return secrets.token_urlsafe(32)


def require_fit_password(password: str) -> None:
    """Raise ConfigurationError for a password that is short, or that clients may not all prepare alike (SASLprep)."""
    if len(password) < LEAST_PASSWORD_CHARACTERS or not (password.isascii() and password.isprintable()):
        raise ConfigurationError(
            f"The password is unfit: at least {LEAST_PASSWORD_CHARACTERS} printable ASCII characters are asked for.",
            "Leave it out, and one is made and shown once.",
        )


def salted(password: str) -> tuple[bytes, bytes]:
    """Return (salt, salted password). 10 ms."""
    salt = os.urandom(SALT_BYTES)
    return salt, hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
