"""Webhooks over HTTP: who may set them, where they may lead (bad input K01, K04), and that URL and secret are never seen again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lineagehub.contract.keys import webhooks_key
from lineagehub.settings import AlertsSettings
from lineagehub.web.admin.action_rates import WEBHOOK_TRIALS
from lineagehub.webhooks.sealed import open_webhook
from tests.hub.web.management.calling import NAMESPACES, Tenant, audited, issue, send
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web
from tests.support.attacks import FORBIDDEN_WEBHOOKS
from tests.support.hub import run_command
from tests.support.waiting import wait_until_async
from tests.support.webhook_server import WebhookServer, webhook_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = "T0EXAMPLE/B0EXAMPLE/very-secret"
SLACK = {"url": f"https://hooks.slack.com/services/{TOKEN}"}
SECRET = "a secret of both sides"
JSON = {"url": "https://alerts.example.com/x", "format": "json", "secret": SECRET, "alerts": ["quota"]}


@contextlib.asynccontextmanager
async def trusting_web(hub: RunningWeb) -> AsyncIterator[tuple[RunningWeb, WebhookServer]]:
    """Run a web beside the session's that trusts a webhook server of this machine."""
    async with webhook_server() as server:
        alerts = AlertsSettings(trusted_origins=server.origin)
        async with running_web(hub.settings.model_copy(update={"alerts": alerts})) as web:
            assert await web.parts.control_view.wait_complete(READY_SECONDS)
            yield web, server


def webhooks(*given: dict[str, Any]) -> dict[str, Any]:
    return {"webhooks": list(given)}


async def test_webhooks_are_set_shown_by_their_hosts_and_deleted(hub: RunningWeb, tenant: Tenant) -> None:
    path, owner = f"{tenant.path}/webhooks", tenant.keys["owner"]
    before = await send(hub, "GET", path, tenant.keys["reader"])
    assert (before.status, before.headers["ETag"], before.document["webhooks"]) == (200, '"1"', [])
    changed = await send(hub, "PUT", path, owner, webhooks(SLACK, JSON), before.etag)
    assert changed.status == 200, changed
    shown = [{name: one[name] for name in ("format", "host", "alerts")} for one in changed.document["webhooks"]]
    assert shown == [
        {"format": "slack", "host": "hooks.slack.com", "alerts": ["quota", "dead_letters"]},
        {"format": "json", "host": "alerts.example.com", "alerts": ["quota"]},
    ]
    late = await send(hub, "PUT", path, owner, webhooks(), before.etag)
    assert (late.status, late.document["reason"]) == (412, "precondition_failed")
    same = await send(hub, "PUT", path, tenant.keys["admin"], webhooks(SLACK, JSON))
    assert (same.headers["ETag"], same.document) == (changed.headers["ETag"], changed.document)
    swapped = await send(hub, "PUT", path, hub.keys["operator"], webhooks(JSON, SLACK))
    ids = [one["id"] for one in changed.document["webhooks"]]
    assert [one["id"] for one in swapped.document["webhooks"]] == ids[::-1]
    gone = await send(hub, "DELETE", path, owner, headers=swapped.etag)
    assert (gone.status, gone.document["webhooks"]) == (200, [])


async def test_neither_url_nor_secret_is_in_an_answer_in_the_audit_log_or_readable_on_kafka(
    hub: RunningWeb, tenant: Tenant
) -> None:
    path, owner = f"{tenant.path}/webhooks", tenant.keys["owner"]
    changed = await send(hub, "PUT", path, owner, webhooks({**SLACK, "format": "json", "secret": SECRET}))
    record = hub.parts.directory.webhooks(hub.parts.directory.namespaces[tenant.name])
    assert record is not None
    read = await send(hub, "GET", path, owner)
    entries = await audited(hub.settings.kafka, tenant.name)
    seen = [str(changed.document), str(read.document), record.model_dump_json(), str(entries)]
    assert not [text for text in seen if TOKEN in text or SECRET in text]
    assert [str(entry.outcome) for entry in entries if entry.action == "webhooks.set"] == ["requested", "done"]
    opened = open_webhook(hub.parts.sealer, record.namespace_id, record.webhooks[0])
    assert opened is not None
    assert (opened.url, opened.secret) == (SLACK["url"], SECRET)


async def test_writers_and_readers_set_nothing_and_strangers_see_nothing(
    hub: RunningWeb, tenant: Tenant, untouched: Tenant
) -> None:
    path = f"{untouched.path}/webhooks"
    for role in ("writer", "reader"):
        for method, where in (("PUT", path), ("DELETE", path), ("POST", f"{path}/test")):
            body = webhooks(SLACK) if method == "PUT" else None
            assert (await send(hub, method, where, untouched.keys[role], body)).status == 403
    for method, where in (("GET", path), ("PUT", path), ("DELETE", path), ("POST", f"{path}/test")):
        body = webhooks(SLACK) if method == "PUT" else None
        assert (await send(hub, method, where, tenant.keys["owner"], body)).status == 404


@pytest.mark.parametrize("url", FORBIDDEN_WEBHOOKS)
async def test_where_no_webhook_may_lead_is_refused_when_it_is_saved(
    hub: RunningWeb, untouched: Tenant, url: str
) -> None:
    path, owner = f"{untouched.path}/webhooks", untouched.keys["owner"]
    reply = await send(hub, "PUT", path, owner, webhooks(SLACK, {"url": url}))
    assert (reply.status, reply.document["reason"], reply.pointers) == (422, "webhook_forbidden", ["/webhooks/1/url"])
    assert (await send(hub, "GET", path, owner)).headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/webhooks"),
        (webhooks({}), "/webhooks/0/url"),
        (webhooks({"url": ""}), "/webhooks/0/url"),
        (webhooks({"url": 7}), "/webhooks/0/url"),
        (webhooks({**SLACK, "format": "teams"}), "/webhooks/0/format"),
        (webhooks({**SLACK, "secret": "short"}), "/webhooks/0/secret"),
        (webhooks({**SLACK, "alerts": []}), "/webhooks/0/alerts"),
        (webhooks({**SLACK, "alerts": ["lag"]}), "/webhooks/0/alerts/0"),
        (webhooks({**SLACK, "header": "x"}), "/webhooks/0/header"),
        (webhooks(SLACK, SLACK), "/webhooks/1/url"),
        (webhooks(*[{"url": f"https://hooks.example.com/{number}"} for number in range(6)]), "/webhooks"),
    ],
    ids=range(11),
)
async def test_what_is_no_webhook_is_422_with_its_pointer(
    hub: RunningWeb, untouched: Tenant, body: dict[str, Any], pointer: str
) -> None:
    reply = await send(hub, "PUT", f"{untouched.path}/webhooks", untouched.keys["owner"], body)
    assert (reply.status, reply.document["reason"], reply.pointers[0]) == (422, "schema_invalid", pointer), reply


async def test_a_namespace_made_again_has_no_webhooks_of_the_former_one(hub: RunningWeb, tenant: Tenant) -> None:
    path = f"{tenant.path}/webhooks"
    assert (await send(hub, "PUT", path, tenant.keys["owner"], webhooks(SLACK))).status == 200
    operator = hub.keys["operator"]
    assert (await send(hub, "DELETE", f"{tenant.path}?confirm={tenant.name}", operator)).status == 202

    async def is_gone() -> bool:
        return (await send(hub, "GET", tenant.path, operator)).status == 404

    await wait_until_async(is_gone, READY_SECONDS, "the namespace to be gone")
    assert (await send(hub, "POST", NAMESPACES, operator, {"name": tenant.name})).status == 201
    owner = await issue(hub, tenant.name, "owner")
    assert (await send(hub, "GET", path, owner)).document["webhooks"] == []
    assert hub.parts.directory.record(webhooks_key(tenant.name)) is not None


async def test_a_test_message_is_sent_to_each_and_what_became_of_it_is_said_without_what_was_answered(
    hub: RunningWeb, tenant: Tenant
) -> None:
    async with trusting_web(hub) as (web, server):
        path, owner = f"{tenant.path}/webhooks", tenant.keys["owner"]
        given = [
            {"url": server.slack},
            {"url": f"{server.origin}/services/wrong", "format": "json"},
            {"url": f"{server.origin}/json", "format": "json", "secret": SECRET},
            {"url": "https://no-such-name.example.com/"},
        ]
        assert (await send(web, "PUT", path, owner, webhooks(*given))).status == 200
        reply = await send(web, "POST", f"{path}/test", owner)
    results = [(one["outcome"], one["status"]) for one in reply.document["results"]]
    assert results == [("sent", 200), ("refused", 400), ("sent", 200), ("unreachable", None)]
    assert "invalid_payload" not in str(reply.document)
    assert (
        "This is a test" in next(one for one in server.received if one.path.startswith("/services/T0")).document["text"]
    )


async def test_trials_beyond_the_burst_are_429_for_the_whole_namespace_and_call_nobody(
    hub: RunningWeb, tenant: Tenant
) -> None:
    async with trusting_web(hub) as (web, server):
        path = f"{tenant.path}/webhooks"
        assert (await send(web, "PUT", path, tenant.keys["owner"], webhooks({"url": server.slack}))).status == 200
        tried = [await send(web, "POST", f"{path}/test", tenant.keys["owner"]) for _ in range(WEBHOOK_TRIALS.burst)]
        refused = await send(web, "POST", f"{path}/test", tenant.keys["admin"])
        others = await send(web, "POST", f"{path}/test", hub.keys["operator"])
    assert {reply.status for reply in (*tried, others)} == {200}
    assert (refused.status, refused.document["reason"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert len(server.received) == WEBHOOK_TRIALS.burst + 1


async def test_the_command_sets_shows_tries_and_deletes_webhooks(hub: RunningWeb, tenant: Tenant) -> None:
    where = {
        "LINEAGEHUB_URL": hub.url,
        "LINEAGEHUB_API_KEY": tenant.keys["owner"],
        "LINEAGEHUB_WEBHOOK_SECRET": SECRET,
    }

    async def run(*arguments: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(run_command, "webhooks", *arguments, **where)
        return done.returncode, done.stdout, done.stderr

    code, said, _ = await run("set", tenant.name, SLACK["url"], "json=https://alerts.example.com/x?a=b", "--json")
    assert (code, [one["format"] for one in json.loads(said)["webhooks"]]) == (0, ["slack", "json"])
    code, said, _ = await run("show", tenant.name)
    assert (code, [line.split()[1:3] for line in said.splitlines()[1:]]) == (
        0,
        [["slack", "hooks.slack.com"], ["json", "alerts.example.com"]],
    )
    code, _, complaint = await run("set", tenant.name, "http://127.0.0.1/")
    assert (code, "must begin with https://" in complaint) == (1, True)
    assert (await run("clear", tenant.name, "--yes"))[0] == 0
    code, said, _ = await run("test", tenant.name, "--json")
    assert (code, json.loads(said)) == (1, {"results": []})
