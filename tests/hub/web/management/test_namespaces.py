"""Namespaces over HTTP: who may do what with which, revisions, and that nothing that is not a namespace comes in."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from lineagehub.contract.audit import Action, Outcome
from tests.hub.web.management.calling import NAMESPACES, Tenant, audited, kid_of, send
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIELDS: dict[str, Any] = {
    "display_name": "Team A",
    "description": "Orders.\nAnd invoices.",
    "owners": ["data@example.com", "Équipe données"],
    "tags": {"cost-center": "42", "env": ""},
    "job_namespaces": ["prod/orders", "s3://bucket"],
    "discoverable": True,
    "shared_datasets": [{"namespace": "s3://bucket", "name": "public/*"}, {"namespace": "db", "name": "orders"}],
    "retention_days": 90,
    "signal_retention_days": {"logs": 7},
}


async def test_a_namespace_is_made_read_listed_and_changed_and_each_deed_is_audited(hub: RunningWeb) -> None:
    operator, name = hub.keys["operator"], f"made-{uuid.uuid4().hex[:8]}"
    created = await send(hub, "POST", NAMESPACES, operator, {"name": name, **FIELDS})
    assert created.status == 201, created
    assert created.headers["Location"] == f"{NAMESPACES}/{name}"
    assert {**created.document, **FIELDS, "name": name, "state": "live", "revision": 1} == created.document
    read = await send(hub, "GET", f"{NAMESPACES}/{name}", operator)
    assert (read.status, read.document, read.headers["ETag"]) == (200, created.document, '"1"')
    listed = await send(hub, "GET", f"{NAMESPACES}?limit=1000", operator)
    assert created.document in listed.document["namespaces"]
    changed = await send(hub, "PATCH", f"{NAMESPACES}/{name}", operator, {"tags": {}, "retention_days": 30}, read.etag)
    assert changed.status == 200, changed
    updated_at = changed.document["updated_at"]
    assert changed.document == {
        **created.document, "tags": {}, "retention_days": 30, "revision": 2, "updated_at": updated_at
    }  # fmt: skip
    assert hub.parts.directory.namespaces[name].retention_days == 30, "an agent's directory is fed by the same records"

    entries = await audited(hub.settings.kafka, name)
    assert [(entry.action, entry.outcome) for entry in entries] == [
        (Action.NAMESPACE_CREATE, Outcome.REQUESTED),
        (Action.NAMESPACE_CREATE, Outcome.DONE),
        (Action.NAMESPACE_CHANGE, Outcome.REQUESTED),
        (Action.NAMESPACE_CHANGE, Outcome.DONE),
    ]
    assert {entry.actor.key_id for entry in entries} == {kid_of(operator)}
    assert entries[-1].request_id == changed.headers["X-Request-Id"]
    assert entries[-1].detail == {"fields": "retention_days, tags", "revision": 2}


async def test_a_name_is_taken_once_and_a_change_that_changes_nothing_is_no_revision(
    hub: RunningWeb, untouched: Tenant
) -> None:
    operator = hub.keys["operator"]
    again = await send(hub, "POST", NAMESPACES, operator, {"name": untouched.name})
    assert (again.status, again.document["reason"]) == (409, "namespace_exists")
    known = len(await audited(hub.settings.kafka, untouched.name))
    same = await send(hub, "PATCH", untouched.path, operator, {"display_name": untouched.name, "discoverable": False})
    assert (same.status, same.headers["ETag"]) == (200, '"1"')
    assert len(await audited(hub.settings.kafka, untouched.name)) == known


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ('"abc"', 412),
        ("1", 400),
        ('"1', 400),
    ],
)
async def test_a_change_is_made_on_the_revision_that_if_match_names_or_not_at_all(
    hub: RunningWeb, tenant: Tenant, if_match: str, status: int
) -> None:
    change = await send(hub, "PATCH", tenant.path, hub.keys["operator"], {"description": "x"}, {"If-Match": if_match})
    assert change.status == status, change
    is_changed = (await send(hub, "GET", tenant.path, hub.keys["operator"])).document["description"] == "x"
    assert is_changed == (status == 200)
    if status == 412:
        assert change.document["reason"] == "precondition_failed"
        assert "revision 1" in change.document["detail"]


# What each role gets: GET, PATCH, GET keys, POST key, GET limits, PUT limits, POST a namespace, DELETE without confirmation.
RIGHTS = {
    "operator": (200, 200, 200, 201, 200, 200, 409, 428),
    "owner": (200, 200, 200, 201, 200, 403, 403, 428),
    "admin": (200, 200, 403, 403, 200, 403, 403, 403),
    "reader": (200, 403, 403, 403, 200, 403, 403, 403),
    "writer": (403, 403, 403, 403, 403, 403, 403, 403),
}


@pytest.mark.parametrize("role", RIGHTS)
async def test_the_role_decides_what_may_be_done_with_the_own_namespace(
    hub: RunningWeb, tenant: Tenant, role: str
) -> None:
    key = {**tenant.keys, "operator": hub.keys["operator"]}[role]
    requests = [
        ("GET", tenant.path, None),
        ("PATCH", tenant.path, {"description": role}),
        ("GET", f"{tenant.path}/keys", None),
        ("POST", f"{tenant.path}/keys", {"role": "reader"}),
        ("GET", f"{tenant.path}/limits", None),
        ("PUT", f"{tenant.path}/limits", {"burst": 10}),
        ("POST", NAMESPACES, {"name": tenant.name}),
        ("DELETE", tenant.path, None),
    ]
    replies = [await send(hub, *request[:2], key, request[2]) for request in requests]
    assert tuple(reply.status for reply in replies) == RIGHTS[role]


async def test_another_namespace_is_answered_like_one_that_does_not_exist(hub: RunningWeb, untouched: Tenant) -> None:
    stranger = f"team-{uuid.uuid4().hex[:8]}"
    foreign = await send(hub, "POST", NAMESPACES, hub.keys["operator"], {"name": stranger})
    assert foreign.status == 201
    for method, path, document in [
        ("GET", "", None),
        ("PATCH", "", {"description": "mine"}),
        ("DELETE", "?confirm={name}", None),
        ("GET", "/keys", None),
        ("POST", "/keys", {"role": "owner"}),
        ("GET", "/limits", None),
    ]:
        replies = [
            await send(hub, method, f"{NAMESPACES}/{name}{path.format(name=name)}", untouched.keys["owner"], document)
            for name in (stranger, "nobody-has-this")
        ]
        for reply, name in zip(replies, (stranger, "nobody-has-this"), strict=True):
            assert (reply.status, reply.document["reason"]) == (404, "not_found")
            assert reply.document["detail"] == f"There is no namespace {name!r}."
    listed = await send(hub, "GET", f"{NAMESPACES}?limit=1000", untouched.keys["reader"])
    assert [one["name"] for one in listed.document["namespaces"]] == [untouched.name]


async def test_the_list_comes_in_pages_by_name_and_a_cursor_is_its_owners(hub: RunningWeb, untouched: Tenant) -> None:
    operator = hub.keys["operator"]
    for number in range(3):
        await send(hub, "POST", NAMESPACES, operator, {"name": f"paged-{number}-{uuid.uuid4().hex[:8]}"})
    names, cursor = [], ""
    while True:
        page = await send(hub, "GET", f"{NAMESPACES}?limit=2{cursor}", operator)
        assert page.status == 200, page
        names += [one["name"] for one in page.document["namespaces"]]
        if page.document["nextCursor"] is None:
            break
        cursor = f"&cursor={page.document['nextCursor']}"
    assert names == sorted(names)
    assert set(names) == set(hub.parts.directory.namespaces)
    assert (await send(hub, "GET", f"{NAMESPACES}?limit=2{cursor}", untouched.keys["owner"])).status == 400


TOO_MANY_TAGS = {f"t{number}": "" for number in range(51)}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"name": "x"}, "/name"),
        ({"name": "A-B"}, "/name"),
        ({"name": "a|b"}, "/name"),
        ({"name": "../etc"}, "/name"),
        ({"name": "team-a\n"}, "/name"),
        ({"name": "team-a\r\nX: y"}, "/name"),
        ({"name": "team\u0000a"}, "/name"),
        ({"name": "a" * 64}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": None}, "/name"),
        ({}, "/name"),
        ([], ""),
        ({"colour": "blue"}, "/colour"),
        ({"id": str(uuid.uuid4())}, "/id"),
        ({"revision": 7}, "/revision"),
        ({"deleted_at": None}, "/deleted_at"),
        ({"display_name": "x" * 201}, "/display_name"),
        ({"display_name": "a\r\nSet-Cookie: x"}, "/display_name"),
        ({"description": "x" * 2_001}, "/description"),
        ({"description": "\u0000"}, "/description"),
        ({"owners": "me"}, "/owners"),
        ({"owners": ["x"] * 21}, "/owners"),
        ({"owners": [""]}, "/owners/0"),
        ({"owners": ["a", {"b": 1}]}, "/owners/1"),
        ({"tags": TOO_MANY_TAGS}, "/tags"),
        ({"tags": {"a b": "x"}}, "/tags/a b/[key]"),
        ({"tags": {"a": 1}}, "/tags/a"),
        ({"tags": {"a": "x" * 257}}, "/tags/a"),
        ({"job_namespaces": ["x" * 1_025]}, "/job_namespaces/0"),
        (
            {"shared_datasets": [{"namespace": "db", "name": "a"}, {"namespace": "db", "name": "a*b"}]},
            "/shared_datasets/1/name",
        ),
        ({"shared_datasets": [{"namespace": "db"}]}, "/shared_datasets/0/name"),
        ({"shared_datasets": [{"namespace": "db", "name": "a", "why": "x"}]}, "/shared_datasets/0/why"),
        ({"shared_datasets": ["db:a"]}, "/shared_datasets/0"),
        ({"shared_datasets": [{"namespace": "db", "name": "a"}] * 201}, "/shared_datasets"),
        ({"discoverable": "yes"}, "/discoverable"),
        ({"discoverable": 1}, "/discoverable"),
        ({"retention_days": 0}, "/retention_days"),
        ({"retention_days": -1}, "/retention_days"),
        ({"retention_days": 3_651}, "/retention_days"),
        ({"retention_days": 30.0}, "/retention_days"),
        ({"retention_days": "30"}, "/retention_days"),
        ({"retention_days": True}, "/retention_days"),
        ({"retention_days": None}, "/retention_days"),
        ({"signal_retention_days": {"smells": 7}}, "/signal_retention_days/smells/[key]"),
        ({"signal_retention_days": {"logs": 0}}, "/signal_retention_days/logs"),
    ],
)
async def test_what_is_no_namespace_is_422_with_its_pointer(hub: RunningWeb, document: Any, pointer: str) -> None:
    body = {"name": "never-made", **document} if isinstance(document, dict) and document else document
    reply = await send(hub, "POST", NAMESPACES, hub.keys["operator"], body)
    assert (reply.status, reply.document["reason"]) == (422, "schema_invalid"), reply
    assert reply.pointers == [pointer]
    assert "never-made" not in hub.parts.directory.namespaces


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415),
        (b"{", 400),
        (b'{"description": "a", "description": "b"}', 400),
        (b'{"description": NaN}', 400),
        (b'{"description": "\\ud800"}', 400),
        (b"[" * 100 + b"]" * 100, 400),
        (b'{"description": "' + b"x" * 300_000 + b'"}', 413),
    ],
    ids=["empty", "cut", "a key twice", "NaN", "lone surrogate", "deep", "large"],
)
async def test_what_is_no_document_is_refused(hub: RunningWeb, untouched: Tenant, body: bytes, status: int) -> None:
    reply = await send(hub, "PATCH", untouched.path, untouched.keys["owner"], body)
    assert reply.status == status, reply


async def test_the_name_is_immutable_and_a_form_is_not_taken(hub: RunningWeb, untouched: Tenant) -> None:
    renamed = await send(hub, "PATCH", untouched.path, untouched.keys["owner"], {"name": "another"})
    assert (renamed.status, renamed.pointers) == (422, ["/name"])
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await send(hub, "PATCH", untouched.path, untouched.keys["owner"], b"description=x", form)).status == 415


@pytest.mark.parametrize(
    "name", ["A|B", "*", "ab", "Team-A", "a\0b", "a\r\nX-Y: z", "../../etc", "x" * 256, "-ab", "名前です"]
)
async def test_a_path_that_names_no_namespace_is_refused(hub: RunningWeb, name: str) -> None:
    for method, rest in (("GET", ""), ("GET", "/keys"), ("GET", "/limits"), ("DELETE", "?confirm=x")):
        url = URL(f"{hub.url}{NAMESPACES}/{quote(name, safe='')}{rest}", encoded=True)
        headers = {"Authorization": f"Bearer {hub.keys['operator']}"}
        async with hub.client.request(method, url, headers=headers) as answer:
            problem = json.loads(await answer.read())
            assert (answer.status, problem["reason"]) == (400, "invalid_namespace"), problem
            assert "\n" not in str(answer.headers)
