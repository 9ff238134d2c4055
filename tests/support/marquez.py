"""A strict stand-in for Marquez, which is on no package registry: answers as measured on Marquez 0.51.1 (marquez.md).

It judges each event as the real one does, down to which faults are 422, 400, a 500 with `"code":400` in JSON, or a 500 in
HTML, and it can be poisoned as the real one can: an output dataset's namespace with an illegal character gets 201, and from
then on every list of namespaces answers 500. `database_is_down` is what a restart of PostgreSQL looks like from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiohttp import web

_READABLE = re.compile(r"[a-zA-Z:;=/0-9_\-.@+]{1,1024}").fullmatch
_REQUIRED = ("eventTime", "producer", "run", "job")
HTML_500 = "<html><body><h2>HTTP ERROR 500 Request failed.</h2></body></html>"
LARGEST_STRING = 20_000_000


class StrictMarquez:
    """The HTTP API, as far as a forwarder meets it. `events` holds what was stored, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[dict[str, Any]] = []
        self.requests = 0
        self.is_poisoned = False
        self.database_is_down = False
        self.next_answers: list[web.Response] = []

    def application(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(client_max_size=100 * 1024 * 1024)
        application.add_routes(
            [web.post("/api/v1/lineage", self._take), web.get("/api/v1/namespaces", self._list_namespaces)]
        )
        return application

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        if request.content_type != "application/json":
            return web.Response(status=415)
        body = await request.read()
        if self.next_answers:
            return self.next_answers.pop(0)
        return self._judge(body)

    async def _list_namespaces(self, _: web.Request) -> web.Response:
        return _html(500) if self.is_poisoned or self.database_is_down else web.json_response({"namespaces": []})

    def _judge(self, body: bytes) -> web.Response:
        if not body or body.strip() == b"{}":
            return _unprocessable("may not be null")
        try:
            event = json.loads(body)
        except ValueError:
            return _code_400()
        if not isinstance(event, dict):
            return _code_400()
        if self.database_is_down:
            return _html(500)
        kind = str(event.get("schemaURL", "")).rpartition("/")[2]
        required = {"JobEvent": ("eventTime", "producer", "job"), "DatasetEvent": ("eventTime", "producer", "dataset")}
        missing = [name for name in required.get(kind, _REQUIRED) if not event.get(name)]
        if missing:
            return _unprocessable(f"{missing[0]} may not be null")
        return self._store(event, body)

    def _store(self, event: dict[str, Any], body: bytes) -> web.Response:
        if "\\u0000" in body.decode():
            return _html(500)
        if (event.get("run") or {}).get("facets") and not event.get("eventType"):
            return _html(500)
        if any(dataset is None for dataset in event.get("inputs", [])):
            return _html(500)
        if any(len(field["name"]) > 255 for field in _fields(event)):
            return _html(500)
        job = event.get("job") or {}
        named = [job["namespace"], job["name"]] if job else []
        if not all(named) or len(job.get("namespace", "")) > 1024:
            self.is_poisoned = True
            return _html(400)
        if not all(_READABLE(dataset["namespace"]) for dataset in event.get("inputs", [])):
            return _html(400)
        if not all(_READABLE(dataset["namespace"]) for dataset in [*event.get("outputs", []), *_dataset(event)]):
            self.is_poisoned = True
        self.events.append(event)
        return web.Response(status=201)


def _dataset(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["dataset"]] if "dataset" in event else []


def _fields(event: dict[str, Any]) -> list[dict[str, Any]]:
    datasets = [*event.get("inputs", []), *event.get("outputs", []), *_dataset(event)]
    return [field for item in datasets for field in item.get("facets", {}).get("schema", {}).get("fields", [])]


def _unprocessable(message: str) -> web.Response:
    return web.json_response({"errors": [message]}, status=422)


def _code_400() -> web.Response:
    return web.json_response({"code": 400, "message": "Unable to process JSON"}, status=500)


def _html(status: int) -> web.Response:
    return web.Response(status=status, text=HTML_500, content_type="text/html")


@contextlib.asynccontextmanager
async def start_strict_marquez(application: web.Application | None = None) -> AsyncIterator[StrictMarquez]:
    """Serve on a free port; `application` may stand in its place, for a URL that is no Marquez at all."""
    marquez = StrictMarquez()
    runner = web.AppRunner(application or marquez.application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        marquez.url = f"http://{host}:{port}"
        yield marquez
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def strict_marquez_in_a_thread() -> Iterator[StrictMarquez]:
    """Serve on a free port from a thread of its own, for tests that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = start_strict_marquez()
    try:
        yield asyncio.run_coroutine_threadsafe(served.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(served.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
