"""Which access tokens are believed: those that the issuer signed for this hub and for now, and no forgery of them."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from lineagehub.auth.oidc.issuer import Issuer
from lineagehub.auth.oidc.people import Person, roles_of
from lineagehub.auth.oidc.tokens import Claims, TokenRefused, TokenVerifier, is_token
from lineagehub.contract.audit import Actor
from lineagehub.contract.control import ROLE_SCOPES, Role
from lineagehub.oidc_settings import PLATFORM
from tests.support.issuer_server import AUDIENCE, JWKS_PATH, IssuerServer, start_issuer_server
from tests.support.openid_provider import SigningKeys

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEYS = SigningKeys("1")
ATTACKER = SigningKeys("1")
"""Other keys with the same key ids."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuer() -> AsyncIterator[IssuerServer]:
    async with start_issuer_server(KEYS) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def verifier(issuer: IssuerServer) -> AsyncIterator[TokenVerifier]:
    async with Issuer(issuer.settings) as keys:
        yield TokenVerifier(issuer.settings, keys)


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def signed(issuer: IssuerServer, header: dict[str, Any], key: RSAKey | ECKey = KEYS.rsa, **claims: Any) -> str:
    full = {"alg": "RS256", "kid": "rsa-1", **header}
    anything = JWSRegistry(algorithms=[full["alg"]], strict_check_header=False)
    return jwt.encode(full, issuer.claims(**claims), key, registry=anything)


def with_hmac_of_the_public_key(issuer: IssuerServer, algorithm: str, secret: bytes) -> str:
    text = f"{part({'alg': algorithm, 'kid': 'rsa-1'})}.{part(issuer.claims())}"
    digest = hmac.digest(secret, text.encode(), algorithm.replace("HS", "sha"))
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def unsigned(issuer: IssuerServer, algorithm: str, signature: str = "") -> str:
    return f"{part({'alg': algorithm, 'kid': 'rsa-1', 'typ': 'JWT'})}.{part(issuer.claims())}.{signature}"


def changed(issuer: IssuerServer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{part(issuer.claims(groups=['platform']))}.{signature}"


def embedded(issuer: IssuerServer) -> str:
    """A token that brings the key that verifies it."""
    return signed(issuer, {"kid": "mine", "jwk": ATTACKER.rsa.as_dict(private=False)}, ATTACKER.rsa)


FORGERIES: dict[str, Callable[[IssuerServer], str]] = {
    "alg none": lambda issuer: unsigned(issuer, "none"),
    "alg None": lambda issuer: unsigned(issuer, "None"),
    "alg none with a signature": lambda issuer: unsigned(issuer, "none", issuer.token().split(".")[2]),
    "alg RS256 without a signature": lambda issuer: unsigned(issuer, "RS256"),
    "HS256 with the public key's PEM": lambda issuer: with_hmac_of_the_public_key(
        issuer, "HS256", KEYS.rsa.as_pem(private=False)
    ),
    "HS512 with the public key's DER": lambda issuer: with_hmac_of_the_public_key(
        issuer, "HS512", KEYS.rsa.as_der(private=False)
    ),
    "HS256 with the key id": lambda issuer: with_hmac_of_the_public_key(issuer, "HS256", b"rsa-1" * 8),
    "another's key with the same key id": lambda issuer: signed(issuer, {}, ATTACKER.rsa),
    "the elliptic key named, the RSA key used": lambda issuer: signed(issuer, {"kid": "ec-1"}),
    "an algorithm that is not allowed": lambda issuer: signed(
        issuer, {"alg": "RS512"}, RSAKey.import_key(KEYS.rsa.as_pem(private=True))
    ),
    "an unknown key id": lambda issuer: signed(issuer, {"kid": "rsa-2"}, ATTACKER.rsa),
    "a key id that is a path": lambda issuer: signed(issuer, {"kid": "../../../../dev/null"}, ATTACKER.rsa),
    "a key id that is SQL": lambda issuer: signed(issuer, {"kid": "' UNION SELECT 'key"}, ATTACKER.rsa),
    "a key id that is a URL": lambda issuer: signed(issuer, {"kid": f"{issuer.url}/attacker"}, ATTACKER.rsa),
    "no key id": lambda issuer: jwt.encode({"alg": "RS256"}, issuer.claims(), KEYS.rsa),
    "a key id that is no text": lambda issuer: f"{part({'alg': 'RS256', 'kid': ['rsa-1']})}.{part({})}.c2ln",
    "an algorithm that is no text": lambda issuer: f"{part({'alg': ['RS256'], 'kid': 'rsa-1'})}.{part({})}.c2ln",
    "jku": lambda issuer: signed(issuer, {"kid": "x", "jku": f"{issuer.url}/attacker"}, ATTACKER.rsa),
    "jku and the issuer's key id": lambda issuer: signed(issuer, {"jku": f"{issuer.url}/attacker"}, ATTACKER.rsa),
    "x5u": lambda issuer: signed(issuer, {"x5u": f"{issuer.url}/attacker"}, ATTACKER.rsa),
    "a key of its own in the header": embedded,
    "crit": lambda issuer: jws.serialize_compact(
        {"alg": "RS256", "kid": "rsa-1", "crit": ["b64"], "b64": True}, json.dumps(issuer.claims()), KEYS.rsa
    ),
    "a logout token": lambda issuer: signed(issuer, {"typ": "logout+jwt"}),
    "changed claims": changed,
    "a cut signature": lambda issuer: issuer.token()[:-8],
    "a header that is no JSON": lambda issuer: f"eyJ.{part({})}.c2ln",
    "a header without an algorithm": lambda issuer: f"{part({'kid': 'rsa-1'})}.{part({})}.c2ln",
    "a header nested deeply": lambda issuer: f"{part({'a': 0})[:-3]}{'W1tb' * 1_000}.{part({})}.c2ln",
    "claims that are a list": lambda issuer: jws.serialize_compact({"alg": "RS256", "kid": "rsa-1"}, "[]", KEYS.rsa),
    "claims that are no JSON": lambda issuer: jws.serialize_compact({"alg": "RS256", "kid": "rsa-1"}, "{", KEYS.rsa),
    "four parts": lambda issuer: issuer.token() + ".x",
    "two parts": lambda issuer: issuer.token().rpartition(".")[0],
    "padding": lambda issuer: issuer.token() + "==",
    "a line break": lambda issuer: issuer.token() + "\n",
    "too long": lambda issuer: issuer.token(groups=["g" * 8_000]),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_or_malformed_token_is_refused_without_saying_why(
    issuer: IssuerServer, verifier: TokenVerifier, forge: Callable[[IssuerServer], str]
) -> None:
    with pytest.raises(TokenRefused, match="malformed, or not one that this hub's issuer signed"):
        await verifier.verify(forge(issuer))
    assert set(issuer.asked) <= {"/.well-known/openid-configuration", JWKS_PATH}, "no other address is ever asked"


async def test_a_token_with_any_character_changed_is_refused(issuer: IssuerServer, verifier: TokenVerifier) -> None:
    token = issuer.token()
    signature = token.rindex(".") + 1
    # The last character of a part may hold bits that mean nothing.
    last = {place - 1 for place in (token.index("."), signature - 1, len(token))}
    for place in set(range(len(token))) - last:
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(TokenRefused):
            await verifier.verify(forged)


def from_now(claims: dict[str, Any]) -> dict[str, Any]:
    """Return claims with their times, which are in seconds from now, as they stand in a token."""
    now = int(time.time())
    return {name: now + value if type(value) is int and name != "sub" else value for name, value in claims.items()}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"aud": "another-service"}, "claim aud"),
        ({"aud": ["another-service", AUDIENCE + "x"]}, "claim aud"),
        ({"aud": [7, AUDIENCE]}, "claim aud"),
        ({"aud": None}, "lacks"),
        ({"iss": "https://issuer.example"}, "claim iss"),
        ({"iss": ["x"]}, "claim iss"),
        ({"iss": None}, "lacks"),
        ({"exp": -90}, "expired"),
        ({"exp": None}, "lacks"),
        ({"exp": "4102444800"}, "claim exp"),
        ({"exp": True}, "claim exp"),
        ({"nbf": 90}, "claim nbf"),
        ({"nbf": "soon"}, "claim nbf"),
        ({"iat": 90}, "claim iat"),
        ({"sub": None}, "lacks"),
        ({"sub": ""}, "claim sub"),
        ({"sub": 7}, "claim sub"),
        ({"sub": "a\r\nb"}, "claim sub"),
        ({"sub": "x" * 256}, "claim sub"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
    ],
)
async def test_a_token_of_the_issuer_that_is_not_for_this_hub_or_this_time_is_refused_and_its_holder_hears_which_claim(
    issuer: IssuerServer, verifier: TokenVerifier, claims: dict[str, Any], said: str
) -> None:
    with pytest.raises(TokenRefused, match=said):
        await verifier.verify(issuer.token(**from_now(claims)))


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["another-service", AUDIENCE]},
        {"exp": -30},
        {"nbf": 30},
        {"iat": 30},
        {"sub": "\u00e5da|auth0:7"},
        {"groups": "data-team"},
    ],
)
async def test_a_good_token_is_believed_a_minute_of_skew_included(
    issuer: IssuerServer, verifier: TokenVerifier, claims: dict[str, Any]
) -> None:
    assert await verifier.verify(issuer.token(**from_now(claims))) == Claims(
        claims.get("sub", "ada"), frozenset({"data-team"})
    )


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", "AT+JWT"])
async def test_both_algorithms_and_the_types_of_access_tokens_are_taken(
    issuer: IssuerServer, verifier: TokenVerifier, kind: str
) -> None:
    for header, key in (({"alg": "RS256", "kid": "rsa-1"}, KEYS.rsa), ({"alg": "ES256", "kid": "ec-1"}, KEYS.ec)):
        token = signed(issuer, {**header, "typ": kind, "jku": f"{issuer.url}/attacker", "nonce": "x"}, key)
        assert (await verifier.verify(token)).subject == "ada", "members that nobody here knows are passed over"
    assert "/attacker" not in issuer.asked


@pytest.mark.parametrize("groups", [None, 7, {}, [], [7, None, ["data-team"]], {"data-team": True}])
async def test_a_claim_of_groups_that_is_no_list_of_names_gives_none(
    issuer: IssuerServer, verifier: TokenVerifier, groups: object
) -> None:
    assert (await verifier.verify(issuer.token(groups=groups))).groups == frozenset()


async def test_a_token_is_known_by_its_form(issuer: IssuerServer) -> None:
    assert is_token(issuer.token())
    for text in ("", "eyJ", "eyJ.a", "lh_dev_12345678_x", "eyJ.a.b.c.d", "eyJ.\u00e9.c", "eyJ.a.b\n"):
        assert not is_token(text)


async def test_the_roles_of_several_groups_add_up_and_unknown_groups_give_nothing() -> None:
    group_roles = {
        "writers": {"team-a": Role.WRITER},
        "readers": {"team-a": Role.READER, "team-b": Role.READER},
        "others": {"team-c": Role.OWNER},
    }
    assert roles_of(frozenset({"writers", "readers", "strangers"}), group_roles) == {
        "team-a": {Role.WRITER, Role.READER},
        "team-b": {Role.READER},
    }
    assert roles_of(frozenset({"team-a", "*"}), group_roles) == {}


async def test_a_person_has_the_scopes_of_all_his_roles_in_a_namespace_and_stands_in_the_audit_by_his_subject() -> None:
    person = Person("ada", {"team-a": frozenset({Role.WRITER, Role.READER}), PLATFORM: frozenset({Role.OPERATOR})})
    principal = person.principal_in("team-a")
    assert (principal.role, principal.namespace) == (Role.WRITER, "team-a")
    assert principal.scopes == ROLE_SCOPES[Role.WRITER] | ROLE_SCOPES[Role.READER]
    assert principal.actor == Actor(subject="ada", role=Role.WRITER)
    operator = person.principal_in(PLATFORM)
    assert (operator.role, operator.namespace, operator.scopes) == (Role.OPERATOR, None, ROLE_SCOPES[Role.OPERATOR])
    with pytest.raises(KeyError):
        person.principal_in("team-b")
