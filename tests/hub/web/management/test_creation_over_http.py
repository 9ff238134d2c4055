"""Making namespaces and keys without end: 429 with Retry-After, nothing of a refused one anywhere, and all other management goes on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lineagehub.cli._hub import HubClient, HubRefused
from lineagehub.contract.audit import Action
from lineagehub.settings import Settings
from lineagehub.web.admin import action_rates
from lineagehub.web.admin.action_rates import Pace
from tests.hub.web.management.calling import NAMESPACES, Tenant, audited, kid_of, send
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web

pytestmark = pytest.mark.asyncio(loop_scope="session")

BURST = 5
ASKED = 100


@pytest_asyncio.fixture(loop_scope="session")
async def strict(hub: RunningWeb, settings: Settings) -> AsyncIterator[RunningWeb]:
    """Another web, which makes five at once and then one an hour: no test is slow enough to see a sixth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(action_rates, "NAMESPACES", Pace(1 / 3_600, BURST))
        patch.setattr(action_rates, "KEYS", Pace(1 / 3_600, BURST))
        async with running_web(settings) as running:
            running.keys = hub.keys
            assert await running.parts.control_view.wait_complete(READY_SECONDS)
            yield running


async def test_namespaces_beyond_the_burst_are_429_and_leave_nothing_in_memory_or_audit(
    hub: RunningWeb, strict: RunningWeb, tenant: Tenant
) -> None:
    operator, prefix = hub.keys["operator"], f"flood-{uuid.uuid4().hex[:6]}"
    names = [f"{prefix}-{number}" for number in range(ASKED)]
    replies = await asyncio.gather(*(send(strict, "POST", NAMESPACES, operator, {"name": name}) for name in names))
    made = {name for name, reply in zip(names, replies, strict=True) if reply.status == 201}
    refused = [reply for reply in replies if reply.status != 201]
    assert len(made) == BURST
    for reply in refused:
        assert (reply.status, reply.document["reason"]) == (429, "rate_limited"), reply
        assert 1 <= int(reply.headers["Retry-After"]) <= 3_600
    assert {name for name in strict.parts.directory.namespaces if name.startswith(prefix)} == made
    refused_name = next(name for name in names if name not in made)
    assert await audited(hub.settings.kafka, refused_name) == []
    [one, *_] = made
    assert {entry.action for entry in await audited(hub.settings.kafka, one)} == {Action.NAMESPACE_CREATE}

    # Whoever may make no more still manages what there is, and keys have a rate of their own.
    changed = await send(strict, "PATCH", f"{NAMESPACES}/{one}", operator, {"description": "still"})
    assert changed.status == 200
    key = await send(strict, "POST", f"{NAMESPACES}/{one}/keys", operator, {"role": "reader"})
    assert key.status == 201
    gone = await send(strict, "DELETE", f"{NAMESPACES}/{one}?confirm={one}", operator)
    assert gone.status == 202


async def test_a_command_beyond_the_burst_says_what_to_do(hub: RunningWeb, strict: RunningWeb) -> None:
    client = HubClient(strict.url, hub.keys["operator"])

    def make_one_too_many() -> None:
        for number in range(BURST + 1):
            client.send("POST", "namespaces", {"name": f"commanded-{number}-{uuid.uuid4().hex[:8]}"})

    with pytest.raises(HubRefused, match="makes namespaces at") as caught:
        await asyncio.to_thread(make_one_too_many)
    assert (caught.value.status, "repeat the command" in caught.value.next_step) == (429, True)


async def test_what_is_no_namespace_costs_nothing(hub: RunningWeb, strict: RunningWeb, tenant: Tenant) -> None:
    for _ in range(2 * BURST):
        assert (await send(strict, "POST", NAMESPACES, hub.keys["operator"], {"name": "No"})).status == 422
        assert (await send(strict, "POST", NAMESPACES, tenant.keys["owner"], {"name": "never-made"})).status == 403
    name = f"after-{uuid.uuid4().hex[:8]}"
    assert (await send(strict, "POST", NAMESPACES, hub.keys["operator"], {"name": name})).status == 201


async def test_keys_beyond_the_burst_are_429_for_the_whole_namespace_rotation_included_and_for_no_other(
    hub: RunningWeb, strict: RunningWeb, tenant: Tenant, untouched: Tenant
) -> None:
    path, owner = f"{tenant.path}/keys", tenant.keys["owner"]
    before = len(strict.parts.directory.keys())
    made = [await send(strict, "POST", path, owner, {"role": "owner"}) for _ in range(BURST)]
    assert [reply.status for reply in made] == [201] * BURST
    newest = made[-1].document["key"]
    for key in (owner, newest):
        for target in (path, f"{path}/{kid_of(owner)}/rotate"):
            body = {"role": "owner"} if target == path else {}
            reply = await send(strict, "POST", target, key, body)
            assert (reply.status, reply.document["reason"]) == (429, "rate_limited"), reply
            assert int(reply.headers["Retry-After"]) >= 1
    assert len(strict.parts.directory.keys()) == before + BURST
    assert (await send(strict, "POST", path, hub.keys["operator"], {"role": "reader"})).status == 201
    other = await send(strict, "POST", f"{untouched.path}/keys", untouched.keys["owner"], {"role": "reader"})
    assert other.status == 201
    assert (await send(strict, "DELETE", f"{path}/{kid_of(newest)}", owner)).status == 200
