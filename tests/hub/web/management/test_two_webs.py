"""Two webs on one broker, changing the same things at once: one change wins everywhere, the other hears so, and none is lost."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import changed_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import ControlWriter, read_control
from lineagehub.contract.keys import namespace_key
from lineagehub.contract.topics import CONTROL
from tests.hub.web.management.calling import NAMESPACES, Reply, Tenant, send
from tests.hub.web.running import SECRET_KEY, RunningWeb
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

EFFECTIVE_SECONDS = 5
REPAIR_SECONDS = 15


async def description_on(web: RunningWeb, tenant: Tenant) -> str:
    return str((await send(web, "GET", tenant.path, web.keys["operator"])).document["description"])


async def read_anew(web: RunningWeb) -> Directory:
    """Return the directory of a process that begins to read now."""
    directory = Directory(Sealer(SECRET_KEY))
    await read_control(web.settings.kafka, directory.apply)
    return directory


async def test_of_two_changes_at_once_one_is_200_and_the_other_412_and_both_webs_show_the_first(
    hub: RunningWeb, other: RunningWeb, tenant: Tenant
) -> None:
    for round_number in range(3):
        etag = (await send(hub, "GET", tenant.path, hub.keys["operator"])).etag

        async def same_on_the_other(expected: dict[str, str] = etag) -> bool:
            return (await send(other, "GET", tenant.path, hub.keys["operator"])).etag == expected

        await wait_until_async(same_on_the_other, EFFECTIVE_SECONDS, "the other web to have the revision")

        async def change(web: RunningWeb, text: str, base: dict[str, str] = etag) -> Reply:
            return await send(web, "PATCH", tenant.path, hub.keys["operator"], {"description": text}, base)

        texts = [f"hub {round_number}", f"other {round_number}"]
        replies = await asyncio.gather(change(hub, texts[0]), change(other, texts[1]))
        assert sorted(reply.status for reply in replies) == [200, 412]
        winner = next(text for text, reply in zip(texts, replies, strict=True) if reply.status == 200)

        async def both_show_it(expected: str = winner) -> bool:
            return {await description_on(hub, tenant), await description_on(other, tenant)} == {expected}

        await wait_until_async(both_show_it, EFFECTIVE_SECONDS, "both webs to show what is in force")
        directory = await read_anew(hub)
        assert directory.namespaces[tenant.name].description == winner
        assert namespace_key(tenant.name) not in directory.contested, "the late change was repaired before its answer"


async def test_changes_without_if_match_at_once_are_all_made(
    hub: RunningWeb, other: RunningWeb, tenant: Tenant
) -> None:
    bodies = [{"description": "d"}, {"display_name": "n"}, {"discoverable": True}]
    replies = await asyncio.gather(
        *(
            send(web, "PATCH", tenant.path, hub.keys["operator"], body)
            for web, body in zip((hub, other, hub), bodies, strict=True)
        )
    )
    assert [reply.status for reply in replies] == [200, 200, 200], replies
    record = (await read_anew(hub)).namespaces[tenant.name]
    assert (record.description, record.display_name, record.discoverable, record.revision) == ("d", "n", True, 4)


async def test_of_two_namespaces_made_at_once_under_one_name_one_is_made(hub: RunningWeb, other: RunningWeb) -> None:
    body = {"name": f"twice-{uuid.uuid4().hex[:8]}"}
    replies = await asyncio.gather(*(send(web, "POST", NAMESPACES, hub.keys["operator"], body) for web in (hub, other)))
    assert sorted(reply.status for reply in replies) == [201, 409], replies
    made = next(reply.document for reply in replies if reply.status == 201)

    async def is_shown() -> bool:
        shown = [await send(web, "GET", f"{NAMESPACES}/{body['name']}", hub.keys["operator"]) for web in (hub, other)]
        return all(reply.status == 200 and reply.document["id"] == made["id"] for reply in shown)

    await wait_until_async(is_shown, EFFECTIVE_SECONDS, "both webs to show the one that was made")


async def test_what_a_writer_left_that_died_before_its_repair_is_repaired_by_a_web(
    hub: RunningWeb, tenant: Tenant
) -> None:
    base = hub.parts.directory.namespaces[tenant.name]
    writer = ControlWriter(hub.parts.producer, hub.settings.kafka.topic_name(CONTROL))
    first, late = (changed_namespace(base, description=text) for text in ("first", "late"))
    await writer.put(first)
    await writer.put(late)

    async def is_repaired() -> bool:
        record = (await read_anew(hub)).namespaces[tenant.name]
        return record.repair == 1

    await wait_until_async(is_repaired, REPAIR_SECONDS, "a web to write what is in force behind what is not")
    directory = await read_anew(hub)
    assert directory.namespaces[tenant.name].description == "first"
    assert namespace_key(tenant.name) not in directory.contested
    again = await send(
        hub, "PATCH", tenant.path, hub.keys["operator"], {"description": "x"}, {"If-Match": f'"{first.revision}"'}
    )
    assert again.status == 200, "a repair is no revision"
