"""Deleting a namespace: its keys die, its data go, whoever dies meanwhile; and one made again under its name sees nothing of it."""

from __future__ import annotations

import json
import uuid

import pytest

from lineagehub.contract.audit import Action, Outcome
from lineagehub.management.namespace_purge import NamespacePurger
from lineagehub.settings import Settings
from lineagehub.store.landing import LINEAGE_EVENTS_IN
from tests.hub.web.management.calling import NAMESPACES, Tenant, audited, issue, opens, send
from tests.hub.web.reading import store
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web
from tests.hub.web.samples import run_event
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

PURGE_SECONDS = 60


async def rows_of(hub: RunningWeb, namespace: str) -> int:
    rows = await hub.parts.clickhouse.select(
        "SELECT count() AS n FROM lineage_events WHERE Namespace = {ns:String}", {"ns": namespace}
    )
    return int(rows[0]["n"])


async def wait_purged(hub: RunningWeb, tenant: Tenant) -> None:
    async def is_gone() -> bool:
        return (await send(hub, "GET", tenant.path, hub.keys["operator"])).status == 404

    await wait_until_async(is_gone, PURGE_SECONDS, "the data of the deleted namespace to be gone")


async def test_deleting_asks_whether_it_is_meant(hub: RunningWeb, tenant: Tenant) -> None:
    owner = tenant.keys["owner"]
    plain = await send(hub, "DELETE", tenant.path, owner)
    assert (plain.status, plain.document["reason"]) == (428, "confirmation_required")
    other_name = await send(hub, "DELETE", f"{tenant.path}?confirm=team", owner)
    assert (other_name.status, other_name.pointers) == (400, ["/confirm"])
    late = await send(hub, "DELETE", tenant.path, owner, headers={"If-Match": '"7"'})
    assert late.status == 412
    assert (await send(hub, "GET", tenant.path, owner)).document["state"] == "live"


async def test_nothing_of_a_deleted_namespace_is_left_for_the_one_made_again(hub: RunningWeb, tenant: Tenant) -> None:
    operator, stays = hub.keys["operator"], f"stays-{uuid.uuid4().hex[:8]}"
    for name in (tenant.name, stays):
        await store(hub.parts.clickhouse, LINEAGE_EVENTS_IN, [json.dumps(run_event()).encode()], name)
    limits = await send(hub, "PUT", f"{tenant.path}/limits", operator, {"burst": 7})
    assert limits.status == 200, limits
    before = (await send(hub, "GET", tenant.path, operator)).document
    deleted = await send(hub, "DELETE", f"{tenant.path}?confirm={tenant.name}", tenant.keys["owner"])
    assert (deleted.status, deleted.document["state"]) == (202, "deleting")
    for key in tenant.keys.values():
        assert not await opens(hub, key)
    again = await send(hub, "DELETE", f"{tenant.path}?confirm={tenant.name}", operator)
    assert (again.status, again.document) == (202, deleted.document)
    too_early = await send(hub, "POST", NAMESPACES, operator, {"name": tenant.name})
    assert (too_early.status, too_early.document["reason"]) == (409, "namespace_being_deleted")
    for method, path, body in (("PATCH", "", {"description": "x"}), ("POST", "/keys", {"role": "owner"})):
        assert (await send(hub, method, tenant.path + path, operator, body)).status == 404

    await wait_purged(hub, tenant)
    assert (await rows_of(hub, tenant.name), await rows_of(hub, stays)) == (0, 1)
    assert (await send(hub, "DELETE", f"{tenant.path}?confirm={tenant.name}", operator)).status == 404
    made = await send(hub, "POST", NAMESPACES, operator, {"name": tenant.name})
    assert made.status == 201, made
    assert made.document["id"] != before["id"]
    assert made.document["revision"] > deleted.document["revision"]
    assert (await send(hub, "GET", f"{tenant.path}/keys", operator)).document == {"keys": []}
    in_force = (await send(hub, "GET", f"{tenant.path}/limits", operator)).document["limits"]
    assert in_force["burst"]["origin"] == "default"
    for key in tenant.keys.values():
        assert not await opens(hub, key)
    assert await opens(hub, await issue(hub, tenant.name, "owner"))
    limited = await send(hub, "PUT", f"{tenant.path}/limits", operator, {"burst": 8})
    assert (limited.status, limited.document["limits"]["burst"]["value"]) == (200, 8)

    entries = [entry for entry in await audited(hub.settings.kafka, tenant.name) if "key" not in entry.action.value]
    ends = [(entry.action, entry.outcome) for entry in entries if entry.outcome is not Outcome.REQUESTED]
    assert ends.index((Action.NAMESPACE_DELETE, Outcome.DONE)) < ends.index((Action.NAMESPACE_PURGE, Outcome.DONE))
    purged = next(entry for entry in entries if entry.action is Action.NAMESPACE_PURGE)
    assert (purged.actor.key_id, purged.detail["id"]) == (None, before["id"])


async def test_what_a_web_that_died_has_deleted_another_purges(
    hub: RunningWeb, settings: Settings, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(hub.parts.clickhouse, LINEAGE_EVENTS_IN, [json.dumps(run_event()).encode()], tenant.name)
    async with running_web(settings) as dying:
        assert await dying.parts.control_view.wait_complete(READY_SECONDS)
        monkeypatch.setattr(NamespacePurger, "expect", lambda self, record: None)
        deleted = await send(dying, "DELETE", f"{tenant.path}?confirm={tenant.name}", hub.keys["operator"])
        assert deleted.status == 202
    await wait_purged(hub, tenant)
    assert await rows_of(hub, tenant.name) == 0


async def test_without_an_audit_entry_nothing_is_made_changed_or_deleted(
    hub: RunningWeb, settings: Settings, tenant: Tenant
) -> None:
    async with running_web(settings) as unaudited:
        assert await unaudited.parts.control_view.wait_complete(READY_SECONDS)
        await unaudited.parts.producer.stop()
        for method, path, body in [
            ("POST", NAMESPACES, {"name": f"never-{uuid.uuid4().hex[:8]}"}),
            ("PATCH", tenant.path, {"description": "x"}),
            ("DELETE", f"{tenant.path}?confirm={tenant.name}", None),
            ("POST", f"{tenant.path}/keys", {"role": "reader"}),
            ("PUT", f"{tenant.path}/limits", {"burst": 1}),
        ]:
            known = len(hub.parts.directory.keys()), dict(hub.parts.directory.namespaces)
            reply = await send(unaudited, method, path, hub.keys["operator"], body)
            assert (reply.status, reply.document["reason"]) == (503, "unavailable"), (method, path)
            assert "Retry-After" in reply.headers
            assert known == (len(hub.parts.directory.keys()), hub.parts.directory.namespaces)
