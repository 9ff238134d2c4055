"""Keys over HTTP: shown once, dead when they should be, rotated without a gap, never above the rank of whoever issues them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lineagehub.auth.issuing import changed_key, issue_key
from lineagehub.contract.audit import Action, Outcome
from lineagehub.contract.control import Role
from tests.hub.web.management.calling import Reply, Tenant, audited, issue, kid_of, opens, send
from tests.hub.web.running import RunningWeb
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

EFFECTIVE_SECONDS = 5
"""What the hub promises for a change to be effective everywhere."""


async def keys_of(hub: RunningWeb, tenant: Tenant) -> dict[str, Any]:
    """Return the listed keys by their ids."""
    reply = await send(hub, "GET", f"{tenant.path}/keys", hub.keys["operator"])
    return {key["kid"]: key for key in reply.document["keys"]}


async def rotate(hub: RunningWeb, tenant: Tenant, key: str, **body: Any) -> Reply:
    path = f"{tenant.path}/keys/{kid_of(key)}/rotate"
    return await send(hub, "POST", path, hub.keys["operator"], body or None)


async def revoke(hub: RunningWeb, tenant: Tenant, key: str, by: str) -> Reply:
    return await send(hub, "DELETE", f"{tenant.path}/keys/{kid_of(key)}", by)


async def dies_on(web: RunningWeb, key: str) -> None:
    async def is_dead() -> bool:
        return not await opens(web, key)

    await wait_until_async(is_dead, EFFECTIVE_SECONDS, "the key to be dead on the other web")


async def test_a_key_is_shown_once_and_opens_every_web_and_nothing_secret_is_listed_or_audited(
    hub: RunningWeb, other: RunningWeb, tenant: Tenant
) -> None:
    expires_at = (datetime.now(UTC) + timedelta(days=7)).replace(microsecond=0)
    made = await send(
        hub,
        "POST",
        f"{tenant.path}/keys",
        tenant.keys["owner"],
        {"role": "writer", "note": "airflow", "expires_at": expires_at.isoformat()},
    )
    assert made.status == 201, made
    assert made.headers["Cache-Control"] == "no-store"
    key = made.document["key"]
    assert kid_of(key) == made.document["kid"]
    assert abs(datetime.fromisoformat(made.document["expires_at"]) - expires_at) < timedelta(seconds=1)

    async def is_known() -> bool:
        return await opens(other, key)

    await wait_until_async(is_known, EFFECTIVE_SECONDS, "the key to be known to the other web")
    record = hub.parts.directory.key(kid_of(key))
    assert record is not None
    read = await send(hub, "GET", made.headers["Location"], tenant.keys["owner"])
    listed = await keys_of(hub, tenant)
    assert (listed[kid_of(key)], read.document["note"]) == (read.document, "airflow")
    entries = [entry.model_dump_json() for entry in await audited(hub.settings.kafka, tenant.name)]
    for text in (json.dumps(listed), json.dumps(read.document), *entries):
        for secret in (key, key.split("_")[3], record.digest, record.signing_key):
            assert secret not in text


async def test_a_revoked_key_is_dead_at_once_here_and_within_seconds_on_the_other_web(
    hub: RunningWeb, other: RunningWeb, tenant: Tenant
) -> None:
    key = tenant.keys["writer"]
    first = await revoke(hub, tenant, key, tenant.keys["owner"])
    assert (first.status, first.document["state"]) == (200, "revoked")
    assert not await opens(hub, key)
    await dies_on(other, key)
    again = await revoke(hub, tenant, key, tenant.keys["owner"])
    assert (again.status, again.document) == (200, first.document)
    unknown = await send(hub, "DELETE", f"{tenant.path}/keys/unknown0", tenant.keys["owner"])
    assert (unknown.status, unknown.document["reason"]) == (404, "not_found")


async def test_a_key_expires(hub: RunningWeb, tenant: Tenant) -> None:
    namespace = hub.parts.directory.namespaces[tenant.name]
    api_key, record = issue_key(namespace, Role.READER, "test", hub.parts.sealer)
    await hub.parts.control.put(record)
    assert await opens(hub, api_key.text)
    await hub.parts.control.put(changed_key(record, expires_at=datetime.now(UTC)))
    assert not await opens(hub, api_key.text)
    assert (await keys_of(hub, tenant))[record.kid]["state"] == "expired"
    assert (await rotate(hub, tenant, api_key.text)).document["reason"] == "key_not_live"


async def test_an_owner_cannot_lock_himself_out_and_the_operator_can(hub: RunningWeb, tenant: Tenant) -> None:
    owner = tenant.keys["owner"]
    refused = await revoke(hub, tenant, owner, owner)
    assert (refused.status, refused.document["reason"]) == (409, "last_owner")
    second = await issue(hub, tenant.name, "owner")
    assert (await revoke(hub, tenant, owner, owner)).status == 200
    assert (await revoke(hub, tenant, second, hub.keys["operator"])).status == 200


@pytest.mark.parametrize("webs", ["one web", "two webs"])
async def test_of_the_last_two_owners_who_revoke_each_other_at_once_one_stays_at_least(
    hub: RunningWeb, other: RunningWeb, tenant: Tenant, webs: str
) -> None:
    first, second = tenant.keys["owner"], await issue(hub, tenant.name, "owner")
    elsewhere = other if webs == "two webs" else hub
    await wait_until_async(lambda: opens(elsewhere, second), EFFECTIVE_SECONDS, "the key to be known on the other web")
    replies = await asyncio.gather(revoke(hub, tenant, second, first), revoke(elsewhere, tenant, first, second))
    said = sorted(reply.status for reply in replies)
    assert said in ([200, 401], [200, 409], [409, 409]), replies
    for web in (hub, elsewhere):
        await wait_until_async(
            lambda web=web: _live_count(web, first, second, 2 - said.count(200)),  # type: ignore[misc] # mypy does not infer the default of a lambda.
            EFFECTIVE_SECONDS,
            "an owner's key to be live",
        )


async def _live_count(web: RunningWeb, first: str, second: str, expected: int) -> bool:
    return [await opens(web, key) for key in (first, second)].count(True) == expected


@pytest.mark.parametrize(
    ("issuer", "role", "status"),
    [
        ("owner", "owner", 201),
        ("owner", "operator", 403),
        ("operator", "operator", 403),
        ("admin", "reader", 403),
        ("writer", "admin", 403),
        ("owner", "king", 422),
        ("owner", None, 422),
    ],
)
async def test_nobody_issues_a_role_above_his_own(
    hub: RunningWeb, untouched: Tenant, issuer: str, role: str | None, status: int
) -> None:
    key = {**untouched.keys, "operator": hub.keys["operator"]}[issuer]
    known = len(hub.parts.directory.keys())
    reply = await send(hub, "POST", f"{untouched.path}/keys", key, {"role": role})
    assert reply.status == status, reply
    assert len(hub.parts.directory.keys()) == known + (status == 201)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2030-01-01"}, "/expires_at"),
        ({"expires_at": 1_900_000_000}, "/expires_at"),
        ({"note": "x" * 201}, "/note"),
        ({"note": "a\r\nb"}, "/note"),
        ({"scopes": ["ns:own"]}, "/scopes"),
        ({"kid": "mine0000"}, "/kid"),
    ],
)
async def test_what_is_no_key_is_422_with_its_pointer(
    hub: RunningWeb, untouched: Tenant, fields: dict[str, Any], pointer: str
) -> None:
    reply = await send(hub, "POST", f"{untouched.path}/keys", untouched.keys["owner"], {"role": "reader", **fields})
    assert (reply.status, reply.pointers) == (422, [pointer]), reply


async def test_a_rotation_has_two_live_keys_and_never_a_third(hub: RunningWeb, tenant: Tenant) -> None:
    old = tenant.keys["writer"]
    rotated = await rotate(hub, tenant, old)
    assert rotated.status == 201, rotated
    new = rotated.document["key"]
    assert await opens(hub, old)
    assert await opens(hub, new)
    listed = await keys_of(hub, tenant)
    assert (listed[kid_of(new)]["role"], listed[kid_of(new)]["rotated_from"]) == ("writer", kid_of(old))
    assert listed[kid_of(old)] == rotated.document["replaces"]
    overlap = datetime.fromisoformat(listed[kid_of(old)]["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < overlap <= timedelta(days=1)
    for key in (old, new):
        refused = await rotate(hub, tenant, key)
        assert (refused.status, refused.document["reason"]) == (409, "rotation_underway")
    assert (await revoke(hub, tenant, old, tenant.keys["owner"])).status == 200
    third = await rotate(hub, tenant, new, overlap_seconds=0)
    assert third.status == 201
    assert not await opens(hub, new)
    assert await opens(hub, third.document["key"])
    lifetimes = {
        datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
        for key in ((await keys_of(hub, tenant))[kid_of(third.document["key"])], listed[kid_of(new)])
    }
    assert lifetimes == {timedelta(days=365)}


async def test_of_two_rotations_at_once_on_two_webs_one_is_made(
    hub: RunningWeb, other: RunningWeb, tenant: Tenant
) -> None:
    replies = await asyncio.gather(*(rotate(web, tenant, tenant.keys["reader"]) for web in (hub, other)))
    assert sorted(reply.status for reply in replies)[0] == 201
    assert sorted(reply.status for reply in replies)[1] in (409, 412), replies
    chain = [
        key
        for key in (await keys_of(hub, tenant)).values()
        if kid_of(tenant.keys["reader"]) in (key["kid"], key["rotated_from"]) and key["state"] == "live"
    ]
    assert len(chain) == 2


async def test_what_a_rotation_left_that_died_in_the_middle_ends_with_the_next_one(
    hub: RunningWeb, tenant: Tenant
) -> None:
    old = tenant.keys["writer"]
    namespace = hub.parts.directory.namespaces[tenant.name]
    _, orphan = issue_key(namespace, Role.WRITER, "test", hub.parts.sealer, rotated_from=kid_of(old))
    await hub.parts.control.put(orphan)
    rotated = await rotate(hub, tenant, old)
    assert rotated.status == 201
    listed = await keys_of(hub, tenant)
    assert listed[orphan.kid]["state"] == "revoked"
    assert listed[rotated.document["kid"]]["state"] == "live"


@pytest.mark.parametrize("overlap", [-1, 2_592_001, 1.5, "60", None])
async def test_an_overlap_is_bounded(hub: RunningWeb, untouched: Tenant, overlap: Any) -> None:
    reply = await rotate(hub, untouched, untouched.keys["writer"], overlap_seconds=overlap)
    assert (reply.status, reply.pointers) == (422, ["/overlap_seconds"])


async def test_each_deed_is_audited_with_the_key_that_it_is_about(hub: RunningWeb, tenant: Tenant) -> None:
    writer = tenant.keys["writer"]
    assert (await rotate(hub, tenant, writer)).status == 201
    assert (await revoke(hub, tenant, writer, tenant.keys["owner"])).status == 200
    entries = (await audited(hub.settings.kafka, tenant.name))[-4:]
    assert [(entry.action, entry.outcome, entry.target) for entry in entries] == [
        (action, outcome, kid_of(writer))
        for action in (Action.KEY_ROTATE, Action.KEY_REVOKE)
        for outcome in (Outcome.REQUESTED, Outcome.DONE)
    ]
    assert entries[-1].actor.key_id == kid_of(tenant.keys["owner"])
