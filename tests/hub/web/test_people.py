"""People with access tokens of a real OpenID provider: what their groups let them do, and where."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt

from lineagehub.auth.issuing import new_namespace
from lineagehub.auth.oidc import issuer as issuer_module
from lineagehub.broker.control import ControlWriter
from lineagehub.contract.topics import CONTROL
from lineagehub.oidc_settings import OidcSettings
from tests.hub.web.running import READY_SECONDS, Records, RunningWeb, running_web, settings_for, verified
from tests.hub.web.samples import run_event
from tests.support.broker import free_port
from tests.support.missing import skip_or_fail
from tests.support.node_packages import NodeMissing
from tests.support.openid_provider import OpenIdProvider, SigningKeys, start_openid_provider
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

AUDIENCE = "https://hub.example"
GROUP_ROLES = {
    "a-readers": {"team-a": "reader"},
    "a-writers": {"team-a": "writer"},
    "b-readers": {"team-b": "reader"},
    "platform": {"*": "operator"},
    "early": {"not-made-yet": "owner"},
}
CLIENTS = {
    "reader": ["a-readers", "unknown-group"],
    "reader-ec": ["a-readers"],
    "both-roles": ["a-readers", "a-writers"],
    "two-teams": ["a-readers", "b-readers"],
    "two-teams-early": ["a-readers", "early"],
    "operator": ["platform"],
    "operator-a": ["platform", "a-readers"],
    "early": ["early"],
    "nobody": ["unknown-group"],
}
READ = "/api/v1/lineage?nodeId=job:a:b"
READ_ALLOWED = 503
"""What a read is answered that is let through, as this web's ClickHouse is nobody."""
NAMESPACE = "lineagehub-namespace"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    try:
        with start_openid_provider(AUDIENCE, CLIENTS) as running:
            yield running
    except NodeMissing as error:
        skip_or_fail(str(error))


def oidc_settings(issuer: str) -> OidcSettings:
    return OidcSettings.model_validate({"issuer": issuer, "audience": AUDIENCE, "group_roles": GROUP_ROLES})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(web: RunningWeb, provider: OpenIdProvider) -> AsyncIterator[RunningWeb]:
    """A web that believes the provider and knows the session's namespaces and keys."""
    async with running_web(settings_for(web.settings.kafka, oidc=oidc_settings(provider.issuer))) as running:
        assert await running.parts.control_view.wait_complete(READY_SECONDS)
        running.keys = web.keys | {name: provider.token(name) for name in CLIENTS}
        yield running


async def get(hub: RunningWeb, who: str, path: str = READ, **headers: str) -> tuple[int, dict[str, Any]]:
    async with hub.client.get(path, headers=hub.headers(who) | headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def ask(hub: RunningWeb, who: str, namespace: str | None = None) -> tuple[int, str, str]:
    """Read as `who`; return status, reason and detail."""
    headers = {} if namespace is None else {NAMESPACE: namespace}
    status, problem = await get(hub, who, **headers)
    return status, problem["reason"], problem["detail"]


@pytest.mark.parametrize("who", ["reader", "reader-ec"])
async def test_a_person_reads_in_the_namespace_of_his_group_and_cannot_write(hub: RunningWeb, who: str) -> None:
    status, reason, detail = await ask(hub, who)
    assert (status, reason) == (READ_ALLOWED, "unavailable")
    assert "ClickHouse" in detail
    async with hub.client.post("/api/v1/lineage", json=run_event(), headers=hub.headers(who)) as answer:
        assert answer.status == 403
        assert "ingest:write" in await answer.text()


async def test_roles_of_several_groups_add_up_and_what_is_written_is_the_namespaces(
    hub: RunningWeb, records: Records
) -> None:
    assert (await ask(hub, "both-roles"))[0] == READ_ALLOWED
    async with hub.client.post("/api/v1/lineage", json=run_event(), headers=hub.headers("both-roles")) as answer:
        assert answer.status == 201
        event_id = (await answer.json())["event_id"]
    assert verified(await records.one(event_id), hub).namespace == "team-a"


async def test_with_several_namespaces_the_request_must_say_which_and_hears_its_own_alone(hub: RunningWeb) -> None:
    status, reason, detail = await ask(hub, "two-teams")
    assert (status, reason) == (400, "namespace_required")
    assert NAMESPACE in detail
    assert "team-a, team-b" in detail
    assert "not-made-yet" not in detail
    for namespace in ("team-a", "team-b"):
        assert (await ask(hub, "two-teams", namespace))[0] == READ_ALLOWED


async def test_a_namespace_that_is_not_the_persons_is_403_with_one_answer_whether_it_exists_or_not(
    hub: RunningWeb,
) -> None:
    answers = {
        await ask(hub, who, namespace)
        for who in ("reader", "two-teams-early")
        for namespace in ("team-b", "no-such-team", "not-made-yet", "*", "", "team-a,team-b", "TEAM-A", "../team-a")
    }
    assert {(status, reason) for status, reason, _ in answers} == {(403, "namespace_mismatch")}
    assert len(answers) == 1, "nothing of the answer says what exists"
    assert (await ask(hub, "reader", "team-a"))[0] == READ_ALLOWED


async def test_a_namespace_that_does_not_exist_is_none_until_it_is_made(hub: RunningWeb, web: RunningWeb) -> None:
    assert (await ask(hub, "two-teams-early"))[0] == READ_ALLOWED, "there is only one that exists"
    assert (await ask(hub, "early"))[:2] == (403, "insufficient_scope")
    writer = ControlWriter(web.parts.producer, web.settings.kafka.topic_name(CONTROL))
    await writer.put(new_namespace("not-made-yet"))

    async def exists() -> bool:
        return "not-made-yet" in hub.parts.directory.namespaces

    await wait_until_async(exists, READY_SECONDS, "the namespace")
    assert (await ask(hub, "early"))[0] == READ_ALLOWED
    assert (await ask(hub, "two-teams-early"))[:2] == (400, "namespace_required")


async def test_a_person_without_a_group_that_is_known_here_is_403(hub: RunningWeb) -> None:
    status, reason, detail = await ask(hub, "nobody")
    assert (status, reason) == (403, "insufficient_scope")
    assert not any(group in detail for group in (*GROUP_ROLES, "unknown-group"))


async def test_an_operator_reads_nobodys_data_unless_another_group_lets_him(hub: RunningWeb) -> None:
    assert (await ask(hub, "operator"))[:2] == (403, "insufficient_scope")
    assert (await ask(hub, "operator", "team-a"))[:2] == (403, "namespace_mismatch")
    assert (await ask(hub, "operator-a"))[0] == READ_ALLOWED
    assert (await ask(hub, "operator-a", "*"))[:2] == (403, "insufficient_scope"), "as the operator"


async def test_keys_are_taken_beside_tokens_and_the_header_does_not_move_them(hub: RunningWeb) -> None:
    namespace = {"owner": "team-a", "stranger": "team-b"}
    for key, own in namespace.items():
        assert (await ask(hub, key))[0] == READ_ALLOWED
        assert (await ask(hub, key, own))[0] == READ_ALLOWED
    assert (await ask(hub, "owner", "team-b"))[:2] == (403, "namespace_mismatch")


async def test_forged_tokens_are_401_over_http_whatever_they_say(hub: RunningWeb, provider: OpenIdProvider) -> None:
    own = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "eve", "exp": 4_102_444_800, "groups": ["platform"]}
    attacker = SigningKeys("1")
    hub.keys["another-key"] = jwt.encode({"alg": "RS256", "kid": "rsa-1"}, own, attacker.rsa)
    hub.keys["another-audience"] = jwt.encode({"alg": "RS256", "kid": "rsa-1"}, own | {"aud": "x"}, provider.keys.rsa)
    hub.keys["expired"] = jwt.encode({"alg": "ES256", "kid": "ec-1"}, own | {"exp": 1_000_000_000}, provider.keys.ec)
    for name in ("another-key", "another-audience", "expired"):
        async with hub.client.get(READ, headers=hub.headers(name)) as answer:
            assert answer.status == 401
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
            text = await answer.text()
            assert "invalid_credentials" in text
            assert provider.issuer not in text
            assert AUDIENCE not in text
    good = hub.keys["good"] = jwt.encode(
        {"alg": "RS256", "kid": "rsa-1"}, own | {"groups": ["a-readers"]}, provider.keys.rsa
    )
    assert (await ask(hub, "good"))[0] == READ_ALLOWED, "the same by the issuer's key is taken"
    async with hub.client.get(f"{READ}&access_token={good}") as answer:
        assert answer.status == 401


async def test_a_web_without_an_issuer_takes_no_tokens(web: RunningWeb, provider: OpenIdProvider) -> None:
    async with web.client.get(READ, headers={"Authorization": f"Bearer {provider.token('reader')}"}) as answer:
        assert answer.status == 401


async def test_the_issuers_new_keys_are_taken_at_once(hub: RunningWeb, provider: OpenIdProvider) -> None:
    assert (await ask(hub, "reader"))[0] == READ_ALLOWED
    provider.use(SigningKeys("2"))
    hub.keys["reader"] = provider.token("reader")
    assert (await ask(hub, "reader"))[0] == READ_ALLOWED
    assert (await ask(hub, "two-teams", "team-a"))[0] == 401, "a token of a key that the issuer has taken back"
    hub.keys |= {name: provider.token(name) for name in CLIENTS}


async def test_while_the_issuer_is_away_people_are_503_and_keys_work(
    web: RunningWeb, hub: RunningWeb, records: Records
) -> None:
    away = settings_for(web.settings.kafka, oidc=oidc_settings(f"http://127.0.0.1:{free_port()}"))
    async with running_web(away) as lonely:
        assert await lonely.parts.control_view.wait_complete(READY_SECONDS)
        lonely.keys = hub.keys
        async with lonely.client.get(READ, headers=lonely.headers("reader-ec")) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) == issuer_module.RETRY_SECONDS
            problem = await answer.json(content_type=None)
        assert problem["reason"] == "unavailable"
        assert "OpenID issuer" in problem["detail"]
        assert "127.0.0.1" not in problem["detail"]
        async with lonely.client.get("/readyz") as answer:
            state = await answer.json()
            assert (answer.status, state["status"]) == (200, "degraded")
            assert not state["dependencies"]["oidc"]["ok"]
        async with lonely.client.post("/api/v1/lineage", json=run_event(), headers=lonely.headers("writer")) as answer:
            assert answer.status == 201


async def test_readiness_names_the_issuer_where_there_is_one(hub: RunningWeb, web: RunningWeb) -> None:
    async with hub.client.get("/readyz") as answer:
        assert (await answer.json())["dependencies"]["oidc"]["ok"]
    async with web.client.get("/readyz") as answer:
        assert "oidc" not in (await answer.json())["dependencies"]


async def test_until_namespaces_are_read_a_person_is_503(hub: RunningWeb, web: RunningWeb) -> None:
    nowhere = settings_for(
        web.settings.kafka.model_copy(update={"brokers": f"127.0.0.1:{free_port()}"}), oidc=hub.settings.oidc
    )
    async with running_web(nowhere) as starting:
        starting.keys = hub.keys
        assert (await ask(starting, "reader"))[:2] == (503, "starting")


async def test_the_log_of_requests_names_the_person(hub: RunningWeb, capsys: pytest.CaptureFixture[str]) -> None:
    async with hub.client.get("/api/v1/events/lineage", headers=hub.headers("reader")) as answer:
        assert answer.status == READ_ALLOWED
    written = capsys.readouterr().out
    assert "subject=reader" in written
    assert hub.keys["reader"].rpartition(".")[2] not in written
    assert json.dumps(CLIENTS["reader"]) not in written
