"""A strict stand-in for Marquez, which is on no package registry: answers as measured on Marquez 0.51.1 (marquez.md).

It judges each event as the real one does, down to which faults are 422, 400, a 500 with `"code":400` in JSON, or a 500 in
HTML, and it can be poisoned as the real one can: an output dataset's namespace with an illegal character gets 201, and from
then on every list of namespaces and jobs answers 500. What it has stored it shows as the real one does: what came last counts.
`database_is_down` is what a restart of PostgreSQL looks like from outside; `stop` and `start` are a restart of Marquez.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from aiohttp import web

_READABLE = re.compile(r"[a-zA-Z:;=/0-9_\-.@+]{1,1024}").fullmatch
_IS_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+").fullmatch
_REQUIRED = ("eventTime", "producer", "run", "job")
_TYPED = {
    "run": ("nominalTime", "parent"),
    "job": ("documentation", "sourceCodeLocation", "sql", "jobType"),
    "dataset": ("documentation", "schema", "lifecycleStateChange", "dataSource", "columnLineage", "symlinks"),
}
STATES = {"complete": "COMPLETED", "abort": "ABORTED", "fail": "FAILED"}
HTML_500 = "<html><body><h2>HTTP ERROR 500 Request failed.</h2></body></html>"
LONGEST_INDEXED_BYTES = 2_704
HOST = "127.0.0.1"


@dataclass
class ShownRun:
    """A run as Marquez shows it: its last processed event counts, its datasets add up."""

    job: tuple[str, str]
    state: str = "NEW"
    inputs: set[tuple[str, str]] = field(default_factory=set)
    outputs: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class ShownJob:
    """A job's edges as Marquez shows them: those of its last finished run."""

    inputs: set[tuple[str, str]] = field(default_factory=set)
    outputs: set[tuple[str, str]] = field(default_factory=set)


class StrictMarquez:
    """The HTTP API, as far as a forwarder and its tests meet it. `events` holds what was stored, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.admin_url = ""
        self.events: list[dict[str, Any]] = []
        self.runs: dict[str, ShownRun] = {}
        self.jobs: dict[tuple[str, str], ShownJob] = {}
        self.requests = 0
        self.reads = 0
        self.busy = 0
        self.busiest = 0
        self.is_poisoned = False
        self.database_is_down = False
        self.seconds_an_event = 0.0
        self.next_answers: list[web.Response] = []
        self.losing_answers = 0
        """So many events are stored without an answer: the connection is dropped after."""
        self._runs_in_hand: set[str] = set()
        self._runners: list[web.AppRunner] = []
        self._ports: list[int] = [0, 0]

    def application(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(client_max_size=100 * 1024 * 1024)
        application.add_routes(
            [
                web.post("/api/v1/lineage", self._take),
                web.get("/api/v1/lineage", self._graph),
                web.get("/api/v1/tags", self._tags),
                web.get("/api/v1/namespaces", self._list),
                web.get("/api/v1/jobs", self._list),
                web.get("/api/v1/events/lineage", self._list_events),
                web.get("/api/v1/jobs/runs/{id}", self._run),
            ]
        )
        return application

    async def start(self, application: web.Application | None = None) -> None:
        """Listen, on the same ports as before; `application` may stand in its place, for a URL that is no Marquez at all."""
        admin = web.Application()
        admin.add_routes([web.get("/healthcheck", self._health)])
        for number, served in enumerate((application or self.application(), admin)):
            runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, HOST, self._ports[number], reuse_address=True).start()
            self._ports[number] = runner.addresses[0][1]
            self._runners.append(runner)
        self.url, self.admin_url = (f"http://{HOST}:{port}" for port in self._ports)

    async def stop(self) -> None:
        """Stop listening and drop all connections; what is stored stays. May be repeated."""
        runners, self._runners = self._runners, []
        await asyncio.gather(*(runner.cleanup() for runner in runners))
        self._runs_in_hand.clear()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if request.content_type != "application/json":
                return web.Response(status=415)
            body = await request.read()
            if self.next_answers:
                return self.next_answers.pop(0)
            answer = await self._judge(body)
            if self.losing_answers and answer.status == 201:
                self.losing_answers -= 1
                assert request.transport is not None
                request.transport.abort()
            return answer
        finally:
            self.busy -= 1

    async def _judge(self, body: bytes) -> web.Response:
        if not body or body.strip() == b"{}":
            return _unprocessable("may not be null")
        try:
            event = json.loads(body)
            if isinstance(event, dict) and event.get("eventTime"):
                _moment(event["eventTime"])
        except ValueError:
            return _code_400()
        if not isinstance(event, dict):
            return _code_400()
        if self.database_is_down:
            return _html(500)
        kind = str(event.get("schemaURL", "")).rpartition("/")[2]
        required = {"JobEvent": ("eventTime", "producer", "job"), "DatasetEvent": ("eventTime", "producer", "dataset")}
        missing = [name for name in required.get(kind, _REQUIRED) if not event.get(name)]
        if missing or (kind not in required and not event["run"].get("runId")):
            return _unprocessable(f"{(missing or ['runId'])[0]} may not be null")
        if any(not (facet.get("_producer") and facet.get("_schemaURL")) for facet in _typed_facets(event)):
            return _unprocessable("_producer may not be null")
        run_id = event["run"]["runId"].lower() if kind not in required else ""
        if run_id in self._runs_in_hand:
            # Measured for simultaneous posts of one run: duplicate key.
            return _html(500)
        self._runs_in_hand |= {run_id} - {""}
        try:
            await asyncio.sleep(self.seconds_an_event)
            return self._store(event, kind)
        finally:
            self._runs_in_hand.discard(run_id)

    def _store(self, event: dict[str, Any], kind: str) -> web.Response:
        if _is_unstorable(event):
            return _html(500)
        job = event.get("job") or {}
        named = [job["namespace"], job["name"]] if job else []
        if not all(text.strip() for text in named) or len(job.get("namespace", "")) > 1024:
            self.is_poisoned = True
            self.events.append(event)
            return _html(400)
        if not all(_READABLE(dataset["namespace"]) for dataset in event.get("inputs") or []):
            self.events.append(event)
            return _html(400)
        if not all(_READABLE(text) and name.strip() for text, name in _stored_names(event)):
            self.is_poisoned = True
        self.events.append(event)
        if kind not in ("JobEvent", "DatasetEvent"):
            self._show(event)
        return web.Response(status=201)

    def _show(self, event: dict[str, Any]) -> None:
        key = (event["job"]["namespace"], event["job"]["name"])
        run = self.runs.setdefault(event["run"]["runId"].lower(), ShownRun(key))
        job = self.jobs.setdefault(key, ShownJob())
        kind = event.get("eventType")
        if kind is not None:
            run.state = STATES.get(kind.lower(), "RUNNING")
        inputs, outputs = _names(event.get("inputs")), _names(event.get("outputs"))
        run.inputs |= inputs
        run.outputs |= outputs
        job.inputs = job.inputs if inputs else set()
        job.outputs = job.outputs if outputs else set()
        if run.state in STATES.values():
            job.inputs, job.outputs = set(run.inputs), set(run.outputs)

    async def _list_events(self, request: web.Request) -> web.Response:
        self.reads += 1
        if self.database_is_down:
            return _html(500)
        before = _moment(request.query.get("before", "2030-01-01T00:00:00+00:00"))
        after = _moment(request.query.get("after", "1970-01-01T00:00:00+00:00"))
        found = [event for event in self.events if after <= _moment(event["eventTime"]) < before]
        runs = [event for event in found if "run" in event]
        offset, limit = int(request.query.get("offset", "0")), int(request.query.get("limit", "100"))
        return web.json_response({"events": runs[offset : offset + limit], "totalCount": len(found)})

    async def _run(self, request: web.Request) -> web.Response:
        if self.database_is_down:
            return _html(500)
        run = self.runs.get(request.match_info["id"].lower())
        return web.json_response(
            {"id": request.match_info["id"], "state": run.state} if run else {}, status=200 if run else 404
        )

    async def _graph(self, request: web.Request) -> web.Response:
        if self.is_poisoned or self.database_is_down:
            return _html(500)
        node = request.query["nodeId"]
        for (namespace, name), job in self.jobs.items():
            if node == f"job:{namespace}:{name}":
                into = [{"origin": f"dataset:{a}:{b}", "destination": node} for a, b in sorted(job.inputs)]
                out = [{"origin": node, "destination": f"dataset:{a}:{b}"} for a, b in sorted(job.outputs)]
                return web.json_response({"graph": [{"id": node, "type": "JOB", "inEdges": into, "outEdges": out}]})
        return web.json_response({}, status=404)

    async def _list(self, _: web.Request) -> web.Response:
        return (
            _html(500)
            if self.is_poisoned or self.database_is_down
            else web.json_response({"namespaces": [], "jobs": []})
        )

    async def _tags(self, _: web.Request) -> web.Response:
        return _html(500) if self.database_is_down else web.json_response({"tags": []})

    async def _health(self, _: web.Request) -> web.Response:
        healthy = not self.database_is_down
        return web.json_response({"postgresql": {"healthy": healthy}}, status=200 if healthy else 500)


def _is_unstorable(event: dict[str, Any]) -> bool:
    run = event.get("run") or {}
    sources = [facet["dataSource"] for facet in _dataset_facets(event) if facet.get("dataSource")]
    names = [event.get("job"), *_datasets(event)]
    return (
        _holds_nul(event)
        or bool(run.get("facets") and not event.get("eventType"))
        or any(dataset is None for side in ("inputs", "outputs") for dataset in event.get(side) or [])
        or any(len(item["name"]) > 255 for item in _fields(event))
        or any(not source.get("name") or not _IS_URI(source.get("uri") or "") for source in sources)
        or any(len((named["namespace"] + named["name"]).encode()) > LONGEST_INDEXED_BYTES for named in names if named)
        or not 1 <= _moment(event["eventTime"]).year <= 9999
    )


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(item) for name, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)


def _datasets(event: dict[str, Any]) -> list[dict[str, Any]]:
    sides = [*(event.get("inputs") or []), *(event.get("outputs") or []), event.get("dataset")]
    return [dataset for dataset in sides if dataset is not None]


def _stored_names(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (namespace, name) of all that is stored as it is: outputs, and what symlinks name."""
    for dataset in _datasets(event):
        yield dataset["namespace"], dataset["name"]
    for facets in _dataset_facets(event):
        for identifier in (facets.get("symlinks") or {}).get("identifiers") or []:
            yield identifier["namespace"], identifier["name"]
    parent = ((event.get("run") or {}).get("facets") or {}).get("parent")
    if parent:
        yield "parent", parent["job"]["name"]


def _dataset_facets(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [dataset.get("facets") or {} for dataset in _datasets(event)]


def _typed_facets(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    holders = [("run", event.get("run")), ("job", event.get("job")), *(("dataset", item) for item in _datasets(event))]
    for kind, holder in holders:
        facets = (holder or {}).get("facets") or {}
        yield from (facets[name] for name in _TYPED[kind] if facets.get(name) is not None)


def _fields(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for facets in _dataset_facets(event) for item in (facets.get("schema") or {}).get("fields") or []]


def _names(datasets: list[dict[str, Any]] | None) -> set[tuple[str, str]]:
    return {(dataset["namespace"], dataset["name"]) for dataset in datasets or []}


def _moment(text: str) -> datetime:
    # Python 3.11 reads at most microseconds.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


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
    await marquez.start(application)
    try:
        yield marquez
    finally:
        await marquez.stop()


class Restartable(Protocol):
    """What can be stopped and started again: the stand-in, or a proxy before a real Marquez."""

    async def start(self) -> None:
        """Serve, at the same address as before."""
        ...

    async def stop(self) -> None:
        """Serve no more; drop all connections."""
        ...


class InAThread:
    """Something that is served from a thread of its own, for tests that block."""

    def __init__(self, served: Restartable, loop: asyncio.AbstractEventLoop) -> None:
        self._served = served
        self._loop = loop

    def stop(self) -> None:
        """Stop serving; what is stored stays."""
        self._run(self._served.stop())

    def start(self) -> None:
        """Serve, at the same address as before."""
        self._run(self._served.start())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextlib.contextmanager
def served_in_a_thread(served: Restartable) -> Iterator[InAThread]:
    """Serve until the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = InAThread(served, loop)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def strict_marquez_in_a_thread() -> Iterator[StrictMarquez]:
    """Serve on a free port from a thread of its own, for tests that only look at it."""
    marquez = StrictMarquez()
    with served_in_a_thread(marquez):
        yield marquez
