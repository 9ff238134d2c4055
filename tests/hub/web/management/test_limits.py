"""Limits over HTTP: what is in force and where it is set; only the operator sets, and nothing that is no limit."""

from __future__ import annotations

from typing import Any

import pytest

from lineagehub.contract.limits import DEFAULT_LIMITS, NAMES
from tests.hub.web.management.calling import Tenant, kid_of, send
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_limit_is_in_force_with_its_origin_and_leaving_it_out_gives_the_default_back(
    hub: RunningWeb, tenant: Tenant
) -> None:
    path, operator, kid = f"{tenant.path}/limits", hub.keys["operator"], kid_of(tenant.keys["writer"])
    before = await send(hub, "GET", path, tenant.keys["reader"])
    assert (before.status, before.headers["ETag"]) == (200, '"1"')
    assert before.document["limits"] == {
        name: {"value": getattr(DEFAULT_LIMITS, name), "origin": "default"} for name in NAMES
    }
    body = {"events_per_day": 0, "burst": 100, "keys": {kid: {"requests_per_second": 5}}}
    changed = await send(hub, "PUT", path, operator, body, before.etag)
    assert changed.status == 200, changed
    assert changed.document["limits"]["events_per_day"] == {"value": 0, "origin": "namespace"}
    assert changed.document["limits"]["grace_percent"]["origin"] == "default"
    of_key = changed.document["keys"][kid]
    assert [of_key[name]["origin"] for name in ("requests_per_second", "burst", "grace_percent")] == [
        "key",
        "namespace",
        "default",
    ]
    late = await send(hub, "PUT", path, operator, {}, before.etag)
    assert (late.status, late.document["reason"]) == (412, "precondition_failed")
    same = await send(hub, "PUT", path, operator, body)
    assert same.headers["ETag"] == changed.headers["ETag"]
    reset = await send(hub, "PUT", path, operator, {}, changed.etag)
    assert (reset.document["limits"], reset.document["keys"]) == (before.document["limits"], {})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"events_per_day": -1}, "/events_per_day"),
        ({"events_per_day": 2**63}, "/events_per_day"),
        ({"events_per_day": 1.0}, "/events_per_day"),
        ({"events_per_day": "10"}, "/events_per_day"),
        ({"events_per_day": True}, "/events_per_day"),
        ({"burst": 0}, "/burst"),
        ({"grace_percent": 21}, "/grace_percent"),
        ({"event_per_day": 10}, "/event_per_day"),
        ({"keys": {"unknown0": {"burst": 10}}}, "/keys/unknown0"),
        ({"keys": {"../x": {}}}, "/keys/..~1x/[key]"),
        ({"keys": {"unknown0": {"bust": 10}}}, "/keys/unknown0/bust"),
    ],
)
async def test_what_is_no_limit_is_422_with_its_pointer(
    hub: RunningWeb, untouched: Tenant, body: dict[str, Any], pointer: str
) -> None:
    reply = await send(hub, "PUT", f"{untouched.path}/limits", hub.keys["operator"], body)
    assert (reply.status, reply.pointers) == (422, [pointer]), reply
    assert (await send(hub, "GET", f"{untouched.path}/limits", hub.keys["operator"])).headers["ETag"] == '"1"'


@pytest.mark.parametrize("name", ["events_per_day", "grace_percent"])
async def test_a_limit_of_a_day_is_refused_for_a_key_since_nobody_would_hold_it(
    hub: RunningWeb, untouched: Tenant, name: str
) -> None:
    kid = kid_of(untouched.keys["writer"])
    reply = await send(hub, "PUT", f"{untouched.path}/limits", hub.keys["operator"], {"keys": {kid: {name: 5}}})
    assert (reply.status, reply.pointers) == (422, [f"/keys/{kid}/{name}"]), reply
