"""Settings of who may come in and from where: each mistake is one sentence that names the variable, when the process starts."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from lineagehub.addresses import host_of, is_loopback, is_trustworthy, origins_of
from lineagehub.contract.control import Role
from lineagehub.errors import ConfigurationError
from lineagehub.settings import load_settings

GOOD = {
    "LINEAGEHUB_OIDC_ISSUER": "https://issuer.example/realms/data",
    "LINEAGEHUB_OIDC_AUDIENCE": "lineagehub",
    "LINEAGEHUB_OIDC_GROUP_ROLES": '{"data-team": {"team-a": "reader"}, "platform": {"*": "operator"}}',
}


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_an_issuer_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, GOOD)
    oidc = load_settings().oidc
    assert oidc.allowed_algorithms == {"RS256", "ES256"}
    assert oidc.group_roles == {"data-team": {"team-a": Role.READER}, "platform": {"*": Role.OPERATOR}}
    assert (oidc.groups_claim, oidc.jwks_seconds) == ("groups", 600)


def test_without_an_issuer_nothing_is_needed() -> None:
    assert load_settings().oidc.issuer == ""


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("ISSUER", "http://issuer.example", "https:// URL"),
        ("ISSUER", "issuer.example", "https:// URL"),
        ("ISSUER", "https://user:password@issuer.example", "https:// URL"),
        ("ISSUER", "https://issuer.example/?realm=x", "https:// URL"),
        ("ISSUER", "https://issuer.example:port", "https:// URL"),
        ("AUDIENCE", "", "which of its tokens are meant for this hub"),
        ("ALGORITHMS", "none", "neither none nor HS256"),
        ("ALGORITHMS", "RS256,HS256", "neither none nor HS256"),
        ("ALGORITHMS", "", "each is one of"),
        ("GROUPS_CLAIM", "", "at least 1 character"),
        ("JWKS_SECONDS", "0", "greater than or equal to 10"),
        ("GROUP_ROLES", "{}", "who may do what"),
        ("GROUP_ROLES", '{"g": {"team-a": "king"}}', "'owner', 'admin'"),
        ("GROUP_ROLES", '{"g": {"Team A": "reader"}}', "'Team A', which is no namespace"),
        ("GROUP_ROLES", '{"g": {"*": "reader"}}', "the role operator is given for `*`"),
        ("GROUP_ROLES", '{"g": {"team-a": "operator"}}', "the role operator is given for `*`"),
        ("GROUP_ROLES", '{"g": "reader"}', "valid dictionary"),
        ("GROUP_ROLES", "g=reader", "is no JSON"),
        ("NOTHING", "x", "Extra inputs"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    set_all(monkeypatch, GOOD | {f"LINEAGEHUB_OIDC_{name}": value})
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert f"LINEAGEHUB_OIDC_{name}" in str(caught.value)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_issuer_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_OIDC_ISSUER", GOOD["LINEAGEHUB_OIDC_ISSUER"])
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_OIDC_AUDIENCE"):
        load_settings()


def test_origins_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_WEB_CORS_ORIGINS", "https://a.example, http://localhost:5173,http://[::1]:8080,")
    assert load_settings().web.allowed_origins == {"https://a.example", "http://localhost:5173", "http://[::1]:8080"}


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "a.example",
        "https://*.a.example",
        "https://a.example/",
        "https://a.example/page",
        "https://a.example?x",
        "https://A.example",
        "https://a.example:443",
        "http://a.example:80",
        "https://a.example:port",
        "https://u@a.example",
        "https://",
        "ftp://a.example",
        "https://a.example https://b.example",
    ],
)
def test_what_is_no_origin_is_named(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("LINEAGEHUB_WEB_CORS_ORIGINS", f"https://fine.example,{origin}")
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_WEB_CORS_ORIGINS is wrong") as caught:
        load_settings()
    assert repr(origin) in str(caught.value)
    with pytest.raises(ValueError, match=r"origin|browser"):
        origins_of(origin)


def test_authentication_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_WEB_AUTHENTICATION", "maybe")
    with pytest.raises(ConfigurationError, match="'on' or 'off'"):
        load_settings()


@pytest.mark.parametrize(
    ("authority", "host", "own"),
    [
        ("localhost", "localhost", True),
        ("LocalHost:80", "localhost", True),
        ("127.0.0.1:8080", "127.0.0.1", True),
        ("[::1]:8080", "::1", True),
        ("127.1.2.3", "127.1.2.3", True),
        ("localhost.evil.example", "localhost.evil.example", False),
        ("127.0.0.1.evil.example", "127.0.0.1.evil.example", False),
        ("0.0.0.0", "0.0.0.0", False),
        ("127.0.0.1@evil.example", "", False),
        ("evil.example#@localhost", "", False),
        ("evil.example/localhost", "", False),
        ("evil.example?localhost", "", False),
        ("localhost:port", "", False),
        ("[::1", "", False),
        ("", "", False),
    ],
)
def test_the_host_of_an_authority_and_whether_it_is_this_machine(authority: str, host: str, own: bool) -> None:
    assert host_of(authority) == host
    assert is_loopback(host_of(authority)) is own


def test_only_https_is_trusted_on_the_way_and_http_within_this_machine() -> None:
    for url in ("https://a.example", "https://a.example:8443/x", "http://127.0.0.1:9000/x", "http://[::1]"):
        assert is_trustworthy(url)
    for url in ("http://a.example", "ftp://localhost", "https://", "https://[", "//a.example", json.dumps({})):
        assert not is_trustworthy(url)
