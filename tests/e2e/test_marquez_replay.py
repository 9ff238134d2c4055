"""Marquez shows what the hub shows: the corpus' events, shuffled and doubled, with Marquez away and the agent killed in the middle.

With LINEAGEHUB_TEST_MARQUEZ_URL (and LINEAGEHUB_TEST_MARQUEZ_ADMIN_URL) it is a real Marquez; LINEAGEHUB_TEST_MARQUEZ_RESTART is
then a command that restarts it, without which its connections are cut. Elsewhere it is the strict stand-in.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lineagehub_agents.sinks.marquez.events import LATE_FACET, marquez_event

from lineagehub.broker.backlog import is_delivered
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.errors import Permanent
from lineagehub.settings import KafkaSettings, MarquezSettings
from tests.support.broker import free_port
from tests.support.hub import Answer, Hub, start_hub
from tests.support.lineage_corpus import accepted_events
from tests.support.marquez import StrictMarquez, served_in_a_thread
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

URL = os.environ.get("LINEAGEHUB_TEST_MARQUEZ_URL", "")
ADMIN_URL = os.environ.get("LINEAGEHUB_TEST_MARQUEZ_ADMIN_URL", "")
RESTART = os.environ.get("LINEAGEHUB_TEST_MARQUEZ_RESTART", "")
EVENTS_A_REQUEST = 250
FORWARDED_SECONDS = 900 if URL else 120
TERMINAL = {"COMPLETE", "FAIL", "ABORT"}
PAGE = 500
READERS = 4

Event = dict[str, Any]
Edges = set[tuple[str, str]]


@dataclass
class Marquez:
    """A Marquez, real or not: where the hub finds it, and how it is away for a while."""

    url: str
    admin_url: str
    reads: str
    away: Callable[[], None]
    back: Callable[[], None]

    def get(self, path: str, **query: object) -> Answer:
        """GET past whatever cuts the hub's connections."""
        url = f"{self.reads}/api/v1{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def count(self) -> int:
        """Return how many events it has, of all kinds."""
        answer = self.get("/events/lineage", limit=0)
        return int(answer.json()["totalCount"]) if answer.status == 200 else 0

    def events(self, job_namespace_prefix: str) -> list[Event]:
        """Return the run events that it lists, of these jobs."""
        found: list[Event] = []
        for offset in range(0, 1_000_000, PAGE):
            answer = self.get("/events/lineage", limit=PAGE, offset=offset)
            assert answer.status == 200, answer.body
            page = answer.json()["events"]
            found += [event for event in page if event["job"]["namespace"].startswith(job_namespace_prefix)]
            if len(page) < PAGE:
                return found
        raise AssertionError("the list does not end")


class _CutConnections(Proxy):
    async def start(self) -> None:
        await self.restore()

    async def stop(self) -> None:
        await self.cut()


@pytest.fixture
def marquez() -> Iterator[Marquez]:
    """The real one that the environment names, or the stand-in."""
    if not URL:
        stand_in = StrictMarquez()
        stand_in.seconds_an_event = 0.002
        with served_in_a_thread(stand_in) as served:
            yield Marquez(stand_in.url, stand_in.admin_url, stand_in.url, served.stop, served.start)
        return
    parts = urllib.parse.urlsplit(URL)
    port = free_port()
    with served_in_a_thread(_CutConnections(port, parts.port or 80, parts.hostname or "127.0.0.1")) as served:

        def back() -> None:
            if RESTART:
                subprocess.run(RESTART, shell=True, check=True, timeout=300)
            served.start()

        yield Marquez(f"http://127.0.0.1:{port}", ADMIN_URL, URL.rstrip("/"), served.stop, back)


def replayed(nonce: str) -> list[Event]:
    """Return the corpus' events with runs and jobs of this replay's own, so that a Marquez may be used again."""

    def own(run_id: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, nonce + run_id.lower()))

    events: list[Event] = [json.loads(value) for value in accepted_events()]
    for event in events:
        parent = (((event.get("run") or {}).get("facets") or {}).get("parent")) or {}
        runs = [event.get("run"), parent.get("run"), (parent.get("root") or {}).get("run")]
        jobs = [event.get("job"), parent.get("job"), (parent.get("root") or {}).get("job")]
        for run in filter(None, runs):
            run["runId"] = own(run["runId"])
        for job in filter(None, jobs):
            job["namespace"] = f"{nonce}/{job['namespace']}"
    return [json.loads(text) for text in sorted({json.dumps(event) for event in events})]


def send(hub: Hub, events: list[Event]) -> None:
    for start in range(0, len(events), EVENTS_A_REQUEST):
        chosen = events[start : start + EVENTS_A_REQUEST]
        answer = hub.post_json("/api/v1/lineage/ingest", {"namespace": "demo", "events": chosen})
        assert answer.status == 200, answer.body
        assert answer.json()["accepted"] == len(chosen), answer.body


def kill_agent(hub: Hub) -> None:
    pid = hub.agent_pid("marquez")
    assert pid is not None, "the agent runs"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: hub.agent_pid("marquez") not in (None, pid), 60, "the agent's restart")


def is_fit(event: Event) -> bool:
    with contextlib.suppress(Permanent):
        marquez_event(json.dumps(event).encode(), "demo")
        return True
    return False


def readable(text: str) -> str:
    """Return a namespace as Marquez keeps it."""
    return re.sub(r"[^a-z:/A-Z0-9\-_.@+]", "_", text)


def edges_of(graph: Any, node: str) -> Edges:
    nodes = [found for found in graph["graph"] if readable(found["id"]) == node]
    edges = [edge for found in nodes for edge in (*found["inEdges"], *found["outEdges"])]
    return {(readable(edge["origin"]), readable(edge["destination"])) for edge in edges}


@pytest.mark.timeout(FORWARDED_SECONDS + 120)
@pytest.mark.slow
def test_marquez_shows_each_run_and_its_edges_as_the_hub_does_and_each_event_once(
    tmp_path: Path, marquez: Marquez, hub_arguments: tuple[str, ...]
) -> None:
    nonce = f"r{uuid.uuid4().hex[:8]}"
    events = replayed(nonce)
    doubled = [*events, *events]
    random.Random(20_261_126).shuffle(doubled)
    half = len(doubled) // 2
    before, expected = marquez.count(), sum(map(is_fit, events))
    expected_runs = sum(is_fit(event) for event in events if "run" in event)
    settings = {"LINEAGEHUB_MARQUEZ_ADMIN_URL": marquez.admin_url}
    with start_hub(tmp_path, *hub_arguments, "--marquez", marquez.url, settings=settings) as hub:
        send(hub, doubled[:half])
        wait_until(lambda: marquez.count() > before, 60, "forwarding to be under way")
        marquez.away()
        send(hub, doubled[half:])
        marquez.back()
        wait_until(lambda: marquez.count() >= before + expected // 3, FORWARDED_SECONDS, "a third to be forwarded")
        kill_agent(hub)
        wait_until(lambda: marquez.count() >= before + expected, FORWARDED_SECONDS, f"all {expected} to be forwarded")
        kafka = KafkaSettings(brokers=hub.ready["kafka"], idempotent=False)

        def is_committed() -> bool:
            return asyncio.run(is_delivered(kafka, "marquez", [OPENLINEAGE_EVENTS.name]))

        def is_stored() -> bool:
            return hub.count("SELECT count() FROM lineage_events FINAL") == len(events)

        wait_until(is_committed, FORWARDED_SECONDS, "everything to be committed")
        wait_until(is_stored, 60, "everything to be stored by the hub")
        wait_until(lambda: len(marquez.events(f"demo/{nonce}")) >= expected_runs, 60, "all run events to be listed")
        # Of job and dataset events Marquez has no list, so those that the killed agent was sending were sent again.
        assert 0 <= marquez.count() - before - expected <= MarquezSettings().lanes
        assert_each_once(marquez.events(f"demo/{nonce}"), events)
        assert {path: marquez.get(path, limit=5).status for path in ("/namespaces", "/jobs", "/events/lineage")} == {
            "/namespaces": 200,
            "/jobs": 200,
            "/events/lineage": 200,
        }
        assert_same_states(hub, marquez, events)
        assert_same_edges(hub, marquez, events)


def assert_each_once(shown: list[Event], events: list[Event]) -> None:
    rows = Counter(_identity(event) for event in shown)
    expected = Counter(_identity(event) for event in events if "run" in event and is_fit(event))
    assert not rows - expected, f"doubled: {list(rows - expected)[:3]}"
    assert not expected - rows, f"lost {(expected - rows).total()} of {expected.total()}: {list(expected - rows)[:3]}"


def _identity(event: Event) -> tuple[str, ...]:
    """What tells one event of the corpus from another; a late one says in a facet what it was."""
    late = ((event["run"].get("facets") or {}).get(LATE_FACET)) or event
    named = event["job"]["namespace"].removeprefix("demo/"), event["job"]["name"]
    kind = late.get("eventType") or "OTHER"
    moment = re.sub(r"\.?0*(Z|\+00:00)$", "", late["eventTime"].replace("z", "Z"))[:19]
    return (event["run"]["runId"].lower(), kind, moment, readable(named[0]), named[1])


def assert_same_states(hub: Hub, marquez: Marquez, events: list[Event]) -> None:
    runs = sorted({event["run"]["runId"] for event in events if "run" in event and is_fit(event)})
    assert len(runs) > 50

    def states(run: str) -> tuple[str, str]:
        ours = hub.get(f"/api/v1/jobs/runs/{run}").json()["state"]
        # Marquez knows no state of a run that has neither begun nor ended.
        return ours.replace("NEW", "RUNNING"), marquez.get(f"/jobs/runs/{run}").json()["state"]

    assert_equal(states, runs)


def assert_same_edges(hub: Hub, marquez: Marquez, events: list[Event]) -> None:
    """Of jobs with one run, which has ended: of others Marquez shows the last ended run alone, the hub all."""
    runs: dict[tuple[str, str], set[str]] = {}
    ended: set[tuple[str, str]] = set()
    elsewise: set[tuple[str, str]] = set()
    connected: set[tuple[str, str]] = set()
    for event in events:
        if "job" in event:
            job = (event["job"]["namespace"], event["job"]["name"])
            runs.setdefault(job, set()).add((event.get("run") or {}).get("runId", ""))
            connected |= {job} if event.get("inputs") or event.get("outputs") else set()
            ended |= {job} if event.get("eventType") in TERMINAL else set()
            elsewise |= set() if "run" in event and is_fit(event) else {job}
    compared = [job for job, its in runs.items() if len(its) == 1 and job in ended & connected - elsewise]
    assert len(compared) > 20

    def edges(job: tuple[str, str]) -> tuple[Edges, Edges]:
        namespace, name = job
        ours_node, theirs_node = readable(f"job:{namespace}:{name}"), readable(f"job:demo/{namespace}:{name}")
        ours = hub.get("/api/v1/lineage", nodeId=f"job:{namespace}:{name}", depth="1").json()
        theirs = marquez.get("/lineage", nodeId=f"job:demo/{readable(namespace)}:{name}", depth=1).json()
        expected = edges_of(ours, ours_node)
        moved = {
            (origin.replace(ours_node, theirs_node), end.replace(ours_node, theirs_node)) for origin, end in expected
        }
        return moved, edges_of(theirs, theirs_node)

    assert_equal(edges, compared)


def assert_equal(both: Callable[[Any], tuple[object, object]], things: Collection[Any]) -> None:
    """Assert that the hub's and Marquez' view of each thing are the same."""
    with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
        found = zip(things, readers.map(both, things), strict=True)
        different = {thing: views for thing, views in found if views[0] != views[1]}
    assert not different, f"{len(different)} of {len(things)} differ: {list(different.items())[:3]}"
