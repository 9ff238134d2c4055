"""The web as a process of its own: it says when it is ready, finishes what it has begun when told to stop, and clashes
clearly."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal

import pytest

from lineagehub.errors import ConfigurationError
from lineagehub.web.serve import serve
from tests.hub.web.running import READY_SECONDS, Records, RunningWeb, settings_for
from tests.hub.web.samples import run_event
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_sigterm_finishes_the_request_in_flight_and_then_the_port_is_free(
    web: RunningWeb, records: Records
) -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(settings_for(web.settings.kafka, body_timeout_seconds=20), ready.set_result))
    url = await asyncio.wait_for(ready, READY_SECONDS)
    host, port = url.removeprefix("http://").split(":")

    body = json.dumps(run_event()).encode()
    async with web.client.get(f"{url}/api/v1/jobs/runs/7", headers=web.headers("reader")) as answer:
        assert answer.status == 400, "whoever hears that it is ready finds the keys known"
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /api/v1/lineage HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {web.keys['writer']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    writer.write(head.encode())
    assert b"100" in await reader.readline(), "the request is being handled"

    os.kill(os.getpid(), signal.SIGTERM)
    await _until_refused(host, int(port))
    writer.write(body)
    answer_text = await asyncio.wait_for(reader.read(), READY_SECONDS)
    writer.close()
    assert b" 201 " in answer_text
    receipt = json.loads(answer_text.rpartition(b"\r\n")[2])
    assert await records.one(receipt["event_id"])
    await asyncio.wait_for(serving, READY_SECONDS)


async def _until_refused(host: str, port: int) -> None:
    """Wait until nobody listens on the port any more."""
    async with asyncio.timeout(READY_SECONDS):
        with contextlib.suppress(OSError):
            while True:
                _, writer = await asyncio.open_connection(host, port)
                writer.close()


async def test_a_taken_port_is_said_so_and_leaves_nothing_running(web: RunningWeb) -> None:
    taken = int(web.url.rpartition(":")[2])
    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="address already in use") as raised:
        await serve(settings_for(web.settings.kafka, port=taken))
    assert raised.value.errno == errno.EADDRINUSE

    async def nothing_runs() -> bool:
        return not {task for task in asyncio.all_tasks() - before if not task.done()}

    await wait_until_async(nothing_runs, READY_SECONDS, "the tasks of the failed start to end")


async def test_without_a_secret_key_nothing_starts(web: RunningWeb) -> None:
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_SECRET_KEY"):
        await serve(web.settings.model_copy(update={"secret_key": type(web.settings.secret_key)("short")}))
