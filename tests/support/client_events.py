"""What a hub made of the events of an unmodified OpenLineage client: stored, derived, refused. For tests that run such clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from lineagehub.broker.backlog import is_delivered, wait_delivered
from lineagehub.contract.topics import DEAD_LETTERS, OPENLINEAGE_EVENTS
from lineagehub.settings import KafkaSettings
from tests.support.hub import Hub

DELIVERED_SECONDS = 60
"""Delivery takes about a second; the deadline is far above it because a busy machine is no failure."""

_ANSWER = re.compile(
    r'^lineagehub_http_requests_total\{method="POST",route="/api/v1/lineage",status="(\d+)"\} (\d+)', re.MULTILINE
)


@contextlib.contextmanager
def all_is_taken(hub: Hub, producer: str, bound_topics: Sequence[str] = (), count: int | None = None) -> Iterator[None]:
    """Run a client in the block; afterwards the hub has each of its events once, and finds no fault with any of them.

    `producer`: the end of the `producer` of the client's events, which no other client of this hub has. `count`: how many there must
    be, for events that do not come over HTTP but on `bound_topics`; without it, as many as were answered 201.
    """
    answered, before = _answers(hub), len(stored_events(hub, producer))
    yield
    answers = _answers(hub) - answered
    assert set(answers) <= {201}, f"all is answered 201, but: {answers}"
    expected = before + (answers[201] if count is None else count)
    assert expected > before, "the client sent nothing"

    kafka = KafkaSettings(brokers=hub.ready["kafka"])
    topics = {"lineage-store": [OPENLINEAGE_EVENTS.name, *bound_topics]}
    assert asyncio.run(wait_delivered(kafka, topics, DELIVERED_SECONDS)), "the agent delivers all that it was sent"
    assert asyncio.run(is_delivered(kafka, "nobody", [DEAD_LETTERS.name])), "there are no dead letters"
    rows = "FROM lineage_events WHERE endsWith(Producer, {end:String})"
    assert hub.count(f"SELECT count() {rows}", end=producer) == expected
    assert hub.rows(f"SELECT DISTINCT JobName, arrayJoin(QuarantinedFacets) AS facet {rows}", end=producer) == []


def stored_events(hub: Hub, producer: str) -> list[dict[str, Any]]:
    """Return the events whose producer ends so, in the order of their times, as they came."""
    rows = hub.rows(
        "SELECT Event FROM lineage_events FINAL WHERE endsWith(Producer, {end:String}) ORDER BY EventTime, EventId",
        end=producer,
    )
    return [json.loads(row["Event"]) for row in rows]


def run_of(hub: Hub, producer: str, job: str) -> dict[str, Any]:
    """Return the run, as the hub shows it, of the job of this name; there must be one alone."""
    [run_id] = {event["run"]["runId"] for event in stored_events(hub, producer) if event["job"]["name"] == job}
    return dict(hub.get(f"/api/v1/jobs/runs/{run_id}").json())


def datasets_of(hub: Hub, job: str) -> tuple[set[str], set[str]]:
    """Return the node ids of a job's inputs and outputs in the graph. `job`: its node id."""
    graph = hub.get("/api/v1/lineage", nodeId=job, depth="1").json()["graph"]
    [node] = [node for node in graph if node["id"] == job]
    inputs, outputs = {edge["origin"] for edge in node["inEdges"]}, {edge["destination"] for edge in node["outEdges"]}
    assert inputs | outputs <= {node["id"] for node in graph}, "each edge leads to a node"
    return inputs, outputs


def column_edges(hub: Hub, dataset: str) -> dict[str, set[tuple[str, str, str]]]:
    """Return, by column, what the dataset's columns come from: (dataset name, column, kind). `dataset`: its node id.

    Under the name "" stands what the dataset as a whole depends on.
    """
    graph = hub.get("/api/v1/column-lineage", nodeId=dataset, depth="1").json()["graph"]
    columns = [node["data"] for node in graph]
    return {
        column["field"]: {(source["dataset"], source["field"], source["kind"]) for source in column["inputFields"]}
        for column in columns
        if f"dataset:{column['namespace']}:{column['dataset']}" == dataset
    }


def dataset_node(hub: Hub, dataset: str) -> dict[str, Any]:
    """Return the `data` of a dataset's node in the graph. `dataset`: its node id."""
    graph = hub.get("/api/v1/lineage", nodeId=dataset, depth="0").json()["graph"]
    [node] = [node for node in graph if node["id"] == dataset]
    return dict(node["data"])


def _answers(hub: Hub) -> Counter[int]:
    text = hub.get("/metrics").body.decode()
    return Counter({int(status): int(count) for status, count in _ANSWER.findall(text)})
