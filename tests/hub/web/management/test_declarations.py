"""`lineagehub apply` against a running web: what it finds to do, that it does just that, and nothing when somebody was there before."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineagehub.cli._declaration import Step, carry_out, plan, read_declaration
from lineagehub.cli._hub import HubClient, HubRefused
from lineagehub.errors import ConfigurationError, Unavailable
from tests.hub.web.management.calling import NAMESPACES, Tenant, kid_of, send
from tests.hub.web.running import RunningWeb
from tests.support.broker import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def planned(hub: RunningWeb, folder: Path, *namespaces: dict[str, Any], key: str = "") -> list[Step]:
    """Return what there is to do for a file of these namespaces."""
    path = folder / "namespaces.yaml"
    path.write_text(yaml.safe_dump({"namespaces": list(namespaces)}))
    client = HubClient(hub.url, key or hub.keys["operator"])
    return await asyncio.to_thread(plan, client, read_declaration(path))


async def carried_out(hub: RunningWeb, steps: list[Step]) -> None:
    for step in steps:
        await asyncio.to_thread(carry_out, HubClient(hub.url, hub.keys["operator"]), step)


def told(steps: list[Step]) -> list[tuple[str, dict[str, Any]]]:
    return [(step.action, {change.field: (change.before, change.after) for change in step.changes}) for step in steps]


async def test_only_what_differs_is_changed_and_the_second_time_nothing_does(
    hub: RunningWeb, tenant: Tenant, tmp_path: Path
) -> None:
    new = f"applied-{uuid.uuid4().hex[:8]}"
    kid = kid_of(tenant.keys["writer"])
    body = {"burst": 7, "events_per_day": 5, "keys": {kid: {"burst": 3}}}
    assert (await send(hub, "PUT", f"{tenant.path}/limits", hub.keys["operator"], body)).status == 200
    declared: list[dict[str, Any]] = [
        {"name": new, "owners": ["a"], "limits": {"burst": 9}},
        {"name": tenant.name, "discoverable": False, "tags": {"a": "b"}, "limits": {"burst": 8}},
    ]
    steps = await planned(hub, tmp_path, *declared)
    assert told(steps) == [
        ("create", {"owners": (None, ["a"]), "limits.burst": (None, 9)}),
        (
            "change",
            {"tags": ({}, {"a": "b"}), "limits.burst": (7, 8), "limits.events_per_day": (5, "default")},
        ),
    ]
    await carried_out(hub, steps)
    again = await planned(hub, tmp_path, *declared)
    assert told(again) == [("none", {}), ("none", {})]
    await carried_out(hub, again)
    shown = (await send(hub, "GET", tenant.path, hub.keys["operator"])).document
    assert (shown["tags"], shown["revision"]) == ({"a": "b"}, 2)
    limits = (await send(hub, "GET", f"{tenant.path}/limits", hub.keys["operator"])).document
    assert limits["keys"][kid]["burst"] == {"value": 3, "origin": "key"}, "a key's own limits are not the file's"


async def test_what_was_changed_after_it_was_compared_is_not_overwritten(
    hub: RunningWeb, tenant: Tenant, tmp_path: Path
) -> None:
    steps = await planned(hub, tmp_path, {"name": tenant.name, "description": "the file's"})
    assert (await send(hub, "PATCH", tenant.path, hub.keys["operator"], {"description": "somebody's"})).status == 200
    with pytest.raises(HubRefused) as caught:
        await carried_out(hub, steps)
    assert (caught.value.status, caught.value.next_step != "") == (412, True)
    assert hub.parts.directory.namespaces[tenant.name].description == "somebody's"


async def test_an_owner_may_apply_his_own_namespace_and_sees_no_other(
    hub: RunningWeb, tenant: Tenant, untouched: Tenant, tmp_path: Path
) -> None:
    key = tenant.keys["owner"]
    steps = await planned(
        hub, tmp_path, {"name": tenant.name, "description": "mine"}, {"name": untouched.name}, key=key
    )
    assert [step.action for step in steps] == ["change", "create"]
    client = HubClient(hub.url, key)
    await asyncio.to_thread(carry_out, client, steps[0])
    with pytest.raises(HubRefused) as caught:
        await asyncio.to_thread(carry_out, client, steps[1])
    assert caught.value.status == 403


async def test_what_the_hub_refuses_is_one_sentence(hub: RunningWeb, tenant: Tenant) -> None:
    client = HubClient(hub.url, hub.keys["operator"])
    with pytest.raises(HubRefused, match="There is no namespace 'nowhere'"):
        await asyncio.to_thread(client.get, "namespaces/nowhere")
    with pytest.raises(HubRefused, match=r"colour.* /size"):
        await asyncio.to_thread(client.send, "PATCH", tenant.path.removeprefix("/api/v1/"), {"colour": 1, "size": 2})
    with pytest.raises(ConfigurationError):
        await asyncio.to_thread(HubClient(hub.url, "no key").get, NAMESPACES.removeprefix("/api/v1/"))
    with pytest.raises(Unavailable, match="refused"):
        await asyncio.to_thread(HubClient(f"http://127.0.0.1:{free_port()}", "key").get, "namespaces")
