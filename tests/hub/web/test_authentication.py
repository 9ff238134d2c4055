"""Who may do what: the key decides the namespace, the role decides the scopes, and nothing else is ever believed."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from lineagehub.auth.api_keys import make_api_key
from lineagehub.auth.issuing import changed_key, changed_namespace, issue_key, new_namespace
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.control import ControlWriter
from lineagehub.contract.control import ApiKeyRecord, Role
from lineagehub.contract.topics import CONTROL
from lineagehub.web.app import create_app
from lineagehub.web.endpoint import Endpoint
from lineagehub.web.endpoints import ENDPOINTS
from lineagehub.web.middleware import auth
from lineagehub.web.serve import listening
from tests.hub.web.running import READY_SECONDS, Records, RunningWeb, running_web, settings_for, verified
from tests.hub.web.samples import run_event
from tests.support.broker import free_port
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROTECTED = [endpoint for endpoint in ENDPOINTS if endpoint.scope]
OPEN = [endpoint for endpoint in ENDPOINTS if not endpoint.scope]


class Refusal(BaseModel):
    """What these tests look at in an answer."""

    status: int
    text: str
    challenge: str | None


async def post(
    web: RunningWeb, headers: dict[str, str] | list[tuple[str, str]], path: str = "/api/v1/lineage"
) -> Refusal:
    named = [("Content-Type", "application/json"), *(headers.items() if isinstance(headers, dict) else headers)]
    async with web.client.post(path, data=json.dumps(run_event()), headers=named) as answer:
        return Refusal(status=answer.status, text=await answer.text(), challenge=answer.headers.get("WWW-Authenticate"))


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "lh_test_key", "Bearer lh_test", "Bearer " + "x" * 7_000],
)
async def test_without_a_well_formed_key_the_answer_is_401_with_a_challenge(
    web: RunningWeb, authorization: str | None
) -> None:
    refusal = await post(web, {} if authorization is None else {"Authorization": authorization})
    assert refusal.status == 401
    assert refusal.challenge is not None
    assert refusal.challenge.startswith("Bearer")


async def test_keys_that_are_unknown_mistyped_or_padded_are_401_and_never_echoed(web: RunningWeb) -> None:
    right = web.keys["writer"]
    mistyped = right[:-1] + ("0" if right[-1] != "0" else "1")
    for key in (make_api_key("test").text, mistyped, f" {right}", f"{right}\u0660", right + "\u00e9"):
        refusal = await post(web, {"Authorization": f"Bearer {key}"})
        assert refusal.status == 401
        assert right[-20:] not in refusal.text
        assert "invalid_credentials" in refusal.text


async def test_two_authorization_headers_are_refused(web: RunningWeb) -> None:
    bearer = f"Bearer {web.keys['writer']}"
    assert (await post(web, [("Authorization", bearer), ("Authorization", bearer)])).status == 401


async def test_a_key_in_the_query_string_is_never_taken(web: RunningWeb) -> None:
    key = web.keys["writer"]
    for name in ("api_key", "apiKey", "access_token", "key"):
        assert (await post(web, {}, f"/api/v1/lineage?{name}={key}")).status == 401


async def test_expired_and_revoked_keys_are_401(web: RunningWeb) -> None:
    writer = ControlWriter(web.parts.producer, web.settings.kafka.topic_name(CONTROL))
    namespace = web.parts.directory.namespaces[web.namespace]
    past = datetime.now(UTC) - timedelta(seconds=1)
    for field in ("expires_at", "revoked_at"):
        api_key, record = issue_key(namespace, Role.WRITER, "test", web.parts.sealer)
        ended = changed_key(record, **{field: past})
        await writer.put(record)
        await _until_known(web, record.kid, record)
        headers = {"Authorization": f"Bearer {api_key.text}"}
        assert (await post(web, headers)).status == 201
        await writer.put(ended)
        await _until_known(web, record.kid, ended)
        assert (await post(web, headers)).status == 401


async def _until_known(web: RunningWeb, kid: str, record: ApiKeyRecord) -> None:
    async def known() -> bool:
        return web.parts.directory.key(kid) == record

    await wait_until_async(known, READY_SECONDS, "the control record to arrive")


async def test_a_key_of_a_deleted_and_recreated_namespace_is_401(web: RunningWeb) -> None:
    writer = ControlWriter(web.parts.producer, web.settings.kafka.topic_name(CONTROL))
    first = new_namespace("reborn")
    await writer.put(first)
    await web.issue(first, Role.WRITER, "first-life")
    assert (await post(web, web.headers("first-life"))).status == 201
    gone = changed_namespace(first, deleted_at=datetime.now(UTC), purged_at=datetime.now(UTC))
    second = new_namespace("reborn", gone)
    await writer.put(gone)
    await writer.put(second)

    async def replaced() -> bool:
        return web.parts.directory.namespaces.get("reborn") == second

    await wait_until_async(replaced, READY_SECONDS, "the new namespace")
    assert (await post(web, web.headers("first-life"))).status == 401


@pytest.mark.parametrize("endpoint", PROTECTED, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_each_endpoint_with_a_scope_asks_for_exactly_that_scope(web: RunningWeb, endpoint: Endpoint) -> None:
    method, path, scope = endpoint.method, endpoint.path, endpoint.scope
    assert scope is not None
    path = path.replace("{id}", "01941f29-7c00-7087-8940-40e5d549bbd4").replace("{trace_id}", "0" * 31 + "1")
    async with web.client.request(method, path) as answer:
        assert answer.status == 401
    roles = {"owner", "writer", "reader", "operator"}
    for role in roles:
        principal = web.parts.directory.authenticate(web.keys[role])
        assert principal is not None
        async with web.client.request(method, path, headers=web.headers(role)) as answer:
            text = await answer.text()
            if scope in principal.scopes:
                assert answer.status not in (401, 403), (role, text)
            else:
                assert answer.status == 403
                assert endpoint.speaks_marquez or "insufficient_scope" in text
                assert scope.value in text


@pytest.mark.parametrize("endpoint", OPEN, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_operations_ask_for_no_key_and_ignore_a_wrong_one(web: RunningWeb, endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{slug}", "not-found").replace("{name}", "start.js")
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        async with web.client.get(path, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


async def test_the_namespace_is_the_keys_whatever_headers_and_parameters_say(web: RunningWeb, records: Records) -> None:
    headers = web.headers("stranger", X_Scope_OrgID=web.namespace, X_Namespace=web.namespace)
    refusal = await post(web, headers, f"/api/v1/lineage?namespace={web.namespace}")
    assert refusal.status == 201
    record = await records.one(json.loads(refusal.text)["event_id"])
    assert verified(record, web).namespace == "team-b"


async def test_while_the_keys_are_not_read_yet_an_unknown_key_is_503_and_a_mistyped_one_401(web: RunningWeb) -> None:
    away = settings_for(web.settings.kafka.model_copy(update={"brokers": f"127.0.0.1:{free_port()}"}))
    async with running_web(away) as starting:
        starting.keys = {"writer": make_api_key("test").text, "mistyped": make_api_key("test").text[:-1] + "!"}
        async with starting.client.post("/api/v1/lineage", headers=starting.headers()) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert (await answer.json(content_type=None))["reason"] == "starting"
        async with starting.client.post("/api/v1/lineage", headers=starting.headers("mistyped")) as answer:
            assert answer.status == 401


async def test_a_refused_key_hears_the_same_whether_it_is_unknown_expired_revoked_or_mistyped(web: RunningWeb) -> None:
    writer = ControlWriter(web.parts.producer, web.settings.kafka.topic_name(CONTROL))
    namespace = web.parts.directory.namespaces[web.namespace]
    past = datetime.now(UTC) - timedelta(seconds=1)
    refused = [make_api_key("test").text, make_api_key("test").text[:-1] + "!"]
    for field in ("expires_at", "revoked_at"):
        api_key, record = issue_key(namespace, Role.WRITER, "test", web.parts.sealer)
        ended = ApiKeyRecord.model_validate({**record.model_dump(), field: past})
        await writer.put(ended)
        await _until_known(web, record.kid, ended)
        refused.append(api_key.text)
    answers = set()
    for key in refused:
        refusal = await post(web, {"Authorization": f"Bearer {key}", "X-Request-Id": "the-same"})
        answers.add((refusal.status, refusal.text, refusal.challenge))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


async def test_guessed_keys_are_each_401_and_leave_nothing_behind(web: RunningWeb) -> None:
    directory = web.parts.directory
    before = len(directory.keys())
    guesses = [make_api_key("test").text for _ in range(10_000)]
    tracemalloc.start()
    try:
        assert not any(map(directory.authenticate, guesses))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(directory.keys()) == before
    assert kept < 10_000, "bytes: less than one for each guess"
    for key in guesses[:20]:
        assert (await post(web, {"Authorization": f"Bearer {key}"})).status == 401


async def test_when_the_control_topic_no_longer_answers_an_unknown_key_is_503_and_known_ones_work(
    web: RunningWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = CompactedView(web.settings.kafka, web.settings.kafka.topic_name(CONTROL), web.parts.directory.apply)
    await view.start()
    assert await view.wait_complete(READY_SECONDS)
    await view.stop()
    parts = dataclasses.replace(web.parts, control_view=view)
    unknown, mistyped = make_api_key("test").text, make_api_key("test").text[:-1] + "!"
    async with listening(create_app(web.settings, parts), web.settings) as url:
        cut_off = dataclasses.replace(web, url=url, parts=parts)
        assert (await post(cut_off, {"Authorization": f"Bearer {unknown}"}, f"{url}/api/v1/lineage")).status == 401
        monkeypatch.setattr(auth, "STALE_SECONDS", view.seconds_since_contact)
        refusal = await post(cut_off, {"Authorization": f"Bearer {unknown}"}, f"{url}/api/v1/lineage")
        assert refusal.status == 503
        assert "starting" in refusal.text
        assert (await post(cut_off, {"Authorization": f"Bearer {mistyped}"}, f"{url}/api/v1/lineage")).status == 401
        assert (await post(cut_off, web.headers(), f"{url}/api/v1/lineage")).status == 201
