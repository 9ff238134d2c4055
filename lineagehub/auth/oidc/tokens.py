"""What a token must be to be believed: a JWT of the one issuer, for this hub, signed with one of the issuer's keys, and of now.

Nothing of a token is believed before its signature is verified, but for the key id, which names one of the issuer's keys. What else
a header may point to (`jku`, `jwk`, `x5u`, `x5c`) is never followed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from lineagehub.auth.oidc.issuer import Issuer
from lineagehub.errors import LineageHubError
from lineagehub.oidc_settings import OidcSettings

MAXIMUM_LENGTH = 8_000
"""aiohttp takes no header of more than 8,190 bytes; what is longer, is not looked at."""
SKEW_SECONDS = 60
SUBJECT_LENGTH = 255
"""OpenID Connect Core section 2: `sub` has at most 255 characters."""
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Other types, such as logout tokens, have the same claims and are meant for something else."""

_has_form = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*").fullmatch


class TokenRefused(LineageHubError):
    """The token is not believed. str() is for its holder; it says no more than he knows unless the issuer signed it."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What is taken from a token that is believed."""

    subject: str
    groups: frozenset[str]


def is_token(text: str) -> bool:
    """Tell whether a bearer credential is a JWT by its form: three parts, the first a JSON object in base64url."""
    return text.startswith("eyJ") and _has_form(text) is not None


class TokenVerifier:
    """Verifies tokens. `now` gives seconds since 1970."""

    def __init__(self, settings: OidcSettings, issuer: Issuer, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._issuer = issuer
        self._allowed = settings.allowed_algorithms
        self._registry = JWSRegistry(algorithms=self._allowed, strict_check_header=False)
        self._claims = JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token. Raises TokenRefused, and Unavailable while the issuer's keys cannot be known."""
        if len(token) > MAXIMUM_LENGTH or not is_token(token):
            raise _unbelievable()
        try:
            signature = jws.extract_compact(token.encode(), registry=self._registry)
        except (JoseError, ValueError, RecursionError) as error:
            raise _unbelievable() from error
        await self._require_signature(signature)
        return self._claims_of(signature.payload)

    async def _require_signature(self, signature: CompactSignature) -> None:
        header = signature.headers()
        kid, algorithm = header.get("kid"), header.get("alg")
        kind = header.get("typ", "JWT")
        if not (isinstance(kid, str) and isinstance(algorithm, str) and isinstance(kind, str)):
            raise _unbelievable()
        if algorithm not in self._allowed or kind.lower() not in _TYPES or "crit" in header:
            raise _unbelievable()
        public = await self._issuer.key(kid)
        if public is None or algorithm not in public.algorithms:
            raise _unbelievable()
        try:
            verified = jws.validate_compact(signature, public.key, registry=self._registry)
        except (JoseError, ValueError) as error:
            raise _unbelievable() from error
        if not verified:
            raise _unbelievable()

    def _claims_of(self, payload: bytes) -> Claims:
        claims = _object(payload)
        try:
            self._claims.validate(claims)
        except ExpiredTokenError as error:
            raise TokenRefused("The token has expired; sign in again.") from error
        except MissingClaimError as error:
            raise TokenRefused("The token lacks one of the claims iss, aud, exp and sub.") from error
        except InvalidClaimError as error:
            raise TokenRefused(f"The token's claim {error.claim} is not what this hub asks for.") from error
        subject = claims["sub"]
        if not 0 < len(subject) <= SUBJECT_LENGTH or not subject.isprintable():
            raise TokenRefused("The token's claim sub is not what this hub asks for.")
        if "cnf" in claims:
            raise TokenRefused("The token is bound to a key of its holder (cnf); this hub takes bearer tokens.")
        return Claims(subject, _groups(claims.get(self._settings.groups_claim)))


def _object(payload: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(payload)
    except ValueError as error:
        raise _unbelievable() from error
    if not isinstance(document, dict):
        raise _unbelievable()
    return document


def _groups(claim: object) -> frozenset[str]:
    names = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(name for name in names if isinstance(name, str))


def _unbelievable() -> TokenRefused:
    return TokenRefused("The token is malformed, or not one that this hub's issuer signed.")
