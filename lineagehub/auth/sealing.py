"""Signing keys at rest, and the hub's own: everything that is derived from the secret key that web and agents share.

A tenant's signing key (of Ed25519 the public half only) stands on the control topic sealed with AES-256-GCM, bound to its key id
and algorithm; whoever can read the topic but has no secret key learns nothing and can forge nothing.
"""

from __future__ import annotations

import base64
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lineagehub.contract.control import SignatureAlgorithm
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
        self.webhook_key = hmac.digest(secret_key.encode(), b"lineagehub webhook key v1", "sha256")
        self.cursor_key = hmac.digest(secret_key.encode(), b"lineagehub cursor key v1", "sha256")

    def seal(self, signing_key: bytes, kid: str, algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256) -> str:
        """Return `signing_key` encrypted and bound to `kid` and `algorithm`, base64."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, signing_key, _bound_to(kid, algorithm))).decode()

    def open(
        self, sealed: str, kid: str, algorithm: SignatureAlgorithm = SignatureAlgorithm.HMAC_SHA256
    ) -> bytes | None:
        """Return the signing key, or None if it was sealed under another secret key, for another key id or another algorithm."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(kid, algorithm))
        except (InvalidTag, ValueError):
            return None


def _bound_to(kid: str, algorithm: SignatureAlgorithm) -> bytes:
    """Return the associated data. Without the algorithm in it, a public key could be passed off as an HMAC key, which signs."""
    return kid.encode() if algorithm is SignatureAlgorithm.HMAC_SHA256 else f"{algorithm.value}|{kid}".encode()
