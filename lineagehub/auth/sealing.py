"""Signing keys at rest, and the hub's own: everything that is derived from the secret key that web and agents share.

A tenant's signing key stands on the control topic sealed with AES-256-GCM, bound to its key id; whoever can read the topic but
has no secret key learns nothing and can forge nothing.
"""

from __future__ import annotations

import base64
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lineagehub.contract.headers import derive_signing_key

HUB_KEY_ID = "hub-0001"
"""Key id of what the web signs: it may assert any namespace, so that agents have one code path."""

_NONCE_BYTES = 12


class Sealer:
    """Seals and opens signing keys under the hub's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._cipher = AESGCM(hmac.digest(secret_key.encode(), b"lineagehub sealing key v1", "sha256"))
        self.hub_signing_key = derive_signing_key(secret_key, HUB_KEY_ID)
        self.redaction_key = hmac.digest(secret_key.encode(), b"lineagehub redaction key v1", "sha256")
        self.cursor_key = hmac.digest(secret_key.encode(), b"lineagehub cursor key v1", "sha256")

    def seal(self, signing_key: bytes, kid: str) -> str:
        """Return `signing_key` encrypted and bound to `kid`, base64."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, signing_key, kid.encode())).decode()

    def open(self, sealed: str, kid: str) -> bytes | None:
        """Return the signing key, or None if it was sealed under another secret key or for another key id."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], kid.encode())
        except (InvalidTag, ValueError):
            return None
