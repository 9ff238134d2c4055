"""The issuer's public keys (JWKS, RFC 7517): which of them verify tokens here, and with which algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

RSA_BITS = 2048
"""RFC 7518 section 3.3 takes nothing shorter."""
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key of the issuer and the algorithms that a token signed with it may name."""

    key: RSAKey | ECKey
    algorithms: frozenset[str]


def usable_keys(document: object, allowed: frozenset[str]) -> dict[str, PublicKey]:
    """Return the keys of a JWKS by key id, those left out that are malformed, weak, for encryption, or for no allowed algorithm.

    A shared secret (`oct`) is never among them. Raises ValueError when the document is no JWKS.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("it is no JWKS: it has no list `keys`")
    keys: dict[str, PublicKey] = {}
    for entry in entries:
        kid = entry.get("kid") if isinstance(entry, dict) else None
        if not isinstance(kid, str) or entry.get("use", "sig") != "sig":
            continue
        public = _public_key(entry, allowed)
        if public is not None:
            keys[kid] = public
    return keys


def _public_key(entry: Mapping[str, Any], allowed: frozenset[str]) -> PublicKey | None:
    members = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    try:
        key: RSAKey | ECKey
        if entry.get("kty") == "RSA":
            key = RSAKey.import_key(members)
            algorithms = _RSA_ALGORITHMS if key.raw_value.key_size >= RSA_BITS else frozenset()
        elif entry.get("kty") == "EC":
            key = ECKey.import_key(members)
            algorithms = frozenset({_CURVES.get(key.curve_name, "")})
        else:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if "alg" in entry:
        algorithms &= {entry["alg"]} if isinstance(entry["alg"], str) else frozenset()
    algorithms &= allowed
    return PublicKey(key, algorithms) if algorithms else None
