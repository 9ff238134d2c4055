"""The issuer's keys: when it is asked, what of its answers is believed, and for how long while it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey, OctKey, RSAKey

from lineagehub.auth.oidc.issuer import (
    BELIEVED_SECONDS,
    DISCOVERY_PATH,
    DOCUMENT_BYTES,
    REFETCH_SECONDS,
    RETRY_SECONDS,
    Issuer,
)
from lineagehub.auth.oidc.keys import usable_keys
from lineagehub.errors import Unavailable
from lineagehub.oidc_settings import OidcSettings
from tests.support.broker import free_port
from tests.support.issuer_server import JWKS_PATH, IssuerServer, start_issuer_server
from tests.support.openid_provider import SigningKeys
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST, SECOND = SigningKeys("1"), SigningKeys("2")
ALLOWED = frozenset({"RS256", "ES256"})


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[IssuerServer]:
    async with start_issuer_server(FIRST) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def issuer(server: IssuerServer, clock: Clock) -> AsyncIterator[Issuer]:
    async with Issuer(server.settings, clock) as entered:
        yield entered


async def test_keys_are_read_once_for_all_who_ask_and_again_when_they_are_old(
    issuer: Issuer, server: IssuerServer, clock: Clock
) -> None:
    assert all(await asyncio.gather(*(issuer.key(kid) for kid in ("rsa-1", "ec-1") * 20)))
    clock.seconds += server.settings.jwks_seconds - 1
    assert await issuer.key("rsa-1")
    assert server.asked == {DISCOVERY_PATH: 1, JWKS_PATH: 1}
    clock.seconds += 1
    assert await issuer.key("rsa-1")
    assert server.asked == {DISCOVERY_PATH: 2, JWKS_PATH: 2}


async def test_new_keys_are_found_at_once_and_key_ids_that_nobody_has_ask_once_a_minute(
    issuer: Issuer, server: IssuerServer, clock: Clock
) -> None:
    assert await issuer.key("rsa-1")
    server.publish(SECOND)
    assert await issuer.key("rsa-2"), "a key that came after we looked"
    assert await issuer.key("rsa-1") is None, "one that the issuer has taken back"
    assert server.asked[JWKS_PATH] == 2
    found = await asyncio.gather(*(issuer.key(f"guess-{number}") for number in range(500)))
    assert not any(found)
    assert server.asked[JWKS_PATH] == 2
    clock.seconds += REFETCH_SECONDS
    await asyncio.gather(*(issuer.key(f"guess-{number}") for number in range(500)))
    assert server.asked[JWKS_PATH] == 3


async def test_all_who_wait_get_the_one_answer_though_the_first_of_them_went_away(
    issuer: Issuer, server: IssuerServer
) -> None:
    server.hold.clear()
    first, second = (asyncio.create_task(issuer.key(kid)) for kid in ("rsa-1", "rsa-1"))

    async def asked() -> bool:
        return server.asked[DISCOVERY_PATH] == 1

    await wait_until_async(asked, 10, "the issuer to be asked")
    first.cancel()
    server.hold.set()
    assert await second
    assert server.asked == {DISCOVERY_PATH: 1, JWKS_PATH: 1}


async def test_new_keys_are_not_missed_by_who_comes_while_they_are_read(issuer: Issuer, server: IssuerServer) -> None:
    assert await issuer.key("rsa-1")
    server.publish(SECOND)
    assert all(await asyncio.gather(*(issuer.key(kid) for kid in ("rsa-2", "ec-2") * 10)))


async def test_an_issuer_that_is_away_and_was_never_there_is_unavailable_and_asked_again_soon(clock: Clock) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    settings = OidcSettings.model_validate({"issuer": url, "audience": "x", "group_roles": {"g": {"team-a": "reader"}}})
    async with Issuer(settings, clock) as issuer:
        with pytest.raises(Unavailable) as caught:
            await issuer.key("rsa-1")
        assert caught.value.dependency == "oidc"
        assert caught.value.retry_after_seconds == RETRY_SECONDS


async def test_an_issuer_that_comes_back_is_believed_again(issuer: Issuer, server: IssuerServer, clock: Clock) -> None:
    server.documents[JWKS_PATH] = 503
    for _ in range(3):
        with pytest.raises(Unavailable):
            await issuer.key("rsa-1")
    assert server.asked[JWKS_PATH] == 1, "not more than every five seconds"
    server.publish(FIRST)
    clock.seconds += RETRY_SECONDS
    assert await issuer.key("rsa-1")


async def test_while_the_issuer_is_away_known_keys_are_believed_for_an_hour_and_unknown_ones_are_unavailable(
    issuer: Issuer, server: IssuerServer, clock: Clock
) -> None:
    assert await issuer.key("rsa-1")
    server.documents[DISCOVERY_PATH] = 500
    clock.seconds += BELIEVED_SECONDS - 1
    assert await issuer.key("rsa-1")
    with pytest.raises(Unavailable):
        await issuer.key("rsa-2")
    clock.seconds += 2
    for kid in ("rsa-1", "rsa-2"):
        with pytest.raises(Unavailable):
            await issuer.key(kid)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (DISCOVERY_PATH, 302),
        (DISCOVERY_PATH, 404),
        (DISCOVERY_PATH, b"{"),
        (DISCOVERY_PATH, []),
        (DISCOVERY_PATH, {"issuer": "https://another.example", "jwks_uri": "https://another.example/jwks"}),
        (JWKS_PATH, 302),
        (JWKS_PATH, b"\xff\xfe"),
        (JWKS_PATH, []),
        (JWKS_PATH, {"keys": {}}),
        (JWKS_PATH, {"keys": []}),
        (JWKS_PATH, {"keys": [OctKey.generate_key(256, {"kid": "rsa-1"}).as_dict(private=True)]}),
        (JWKS_PATH, b'{"keys": [' + b" " * DOCUMENT_BYTES + b"]}"),
    ],
)
async def test_an_issuer_that_answers_what_it_must_not_is_unavailable(
    issuer: Issuer, server: IssuerServer, path: str, document: Any
) -> None:
    server.documents[path] = document
    with pytest.raises(Unavailable):
        await issuer.key("rsa-1")
    assert server.asked["/elsewhere"] == 0, "redirects are not followed"


@pytest.mark.parametrize("address", ["http://issuer.example/jwks", "file:///etc/passwd", "jwks", 7, None])
async def test_keys_are_read_from_a_trustworthy_address_only(
    issuer: Issuer, server: IssuerServer, address: object
) -> None:
    server.documents[DISCOVERY_PATH] = {"issuer": server.url, "jwks_uri": address}
    with pytest.raises(Unavailable, match="jwks_uri"):
        await issuer.key("rsa-1")


async def test_an_issuer_whose_name_ends_in_a_slash_has_its_discovery_below_it(server: IssuerServer) -> None:
    named = server.settings.model_copy(update={"issuer": f"{server.url}/"})
    server.documents[DISCOVERY_PATH]["issuer"] = f"{server.url}/"
    async with Issuer(named) as issuer:
        assert await issuer.key("rsa-1")


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # Of the weak key.
async def test_of_the_published_keys_only_those_that_can_verify_are_taken_and_for_their_own_algorithms() -> None:
    def published(key: RSAKey | ECKey, **members: object) -> dict[str, object]:
        return {**key.as_dict(private=False), **members}

    good = published(FIRST.rsa)
    weak = RSAKey.generate_key(1024).as_dict(private=False)
    entries: list[object] = [
        good,
        published(FIRST.ec),
        published(FIRST.rsa, kid="encryption", use="enc"),
        published(FIRST.rsa, kid="RS512", alg="RS512"),
        published(FIRST.rsa, kid="HS256", alg="HS256"),
        published(FIRST.rsa, kid="alg", alg=7),
        published(FIRST.rsa, kid=7),
        published(ECKey.generate_key("P-384"), kid="P-384", use="sig"),
        {**weak, "kid": "weak"},
        {name: value for name, value in published(FIRST.rsa, kid="use").items() if name not in ("use", "alg")},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": 7},
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kid": "nothing"},
        "rsa",
    ]
    keys = usable_keys({"keys": entries}, ALLOWED)
    assert {kid: set(key.algorithms) for kid, key in keys.items()} == {
        "rsa-1": {"RS256"},
        "ec-1": {"ES256"},
        "use": {"RS256"},
    }
