"""The model against a plain reading of the corpus: run states, edges, current edges and column edges of every event group.

The reading here goes over the events one by one in the order of event time, as a person would; the model has them in any order.
"""

from __future__ import annotations

import json
import random
import uuid
from collections import defaultdict
from typing import Any

import orjson
import pytest

from lineagehub.contract.lineage import parse_event_time
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases
from lineagehub.store.queries.column_edges import ColumnEdges
from lineagehub.store.queries.links import LinksByLevel
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.runs import STATES, run_by_id
from tests.hub.store.conftest import insert_rows, landing_row
from tests.support.lineage_corpus import accepted_events

pytestmark = pytest.mark.slow

Event = dict[str, Any]
NAMESPACE = "reference"
INSERTS = 3


@pytest.fixture(scope="module")
async def events(clickhouse: ClickHouse) -> list[Event]:
    """The corpus, stored in a random order, returned in the order of event time."""
    values = accepted_events()
    random.Random(1).shuffle(values)
    for start in range(INSERTS):
        rows = [landing_row(NAMESPACE, value, uuid.uuid4().hex) for value in values[start::INSERTS]]
        await insert_rows(clickhouse, rows)
    found: list[Event] = [orjson.loads(value) for value in values]
    return sorted(found, key=_time)


def _time(event: Event) -> Any:
    return parse_event_time(event["eventTime"])


def _sides(event: Event) -> list[tuple[str, Node]]:
    return [
        (side, Node("dataset", one["namespace"], one["name"]))
        for side in ("inputs", "outputs")
        for one in event.get(side) or []
    ]


def _job(event: Event) -> Node:
    return Node("job", event["job"]["namespace"], event["job"]["name"])


async def test_runs_have_the_state_the_times_and_the_facets_of_their_events(
    clickhouse: ClickHouse, events: list[Event]
) -> None:
    runs: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if "run" in event:
            runs[event["run"]["runId"].lower()].append(event)
    assert len(runs) > 100
    for run_id, of_run in runs.items():
        terminal = [event for event in of_run if event.get("eventType") in ("COMPLETE", "FAIL", "ABORT")]
        started = [event for event in of_run if event.get("eventType") in ("START", "RUNNING")]
        deciding = terminal or started or of_run
        last = max(deciding, key=lambda event: (_time(event), event.get("eventType", "")))
        run = await run_by_id(clickhouse, NAMESPACE, run_id)
        assert run is not None
        assert run.state == STATES.get(last.get("eventType", ""), "NEW"), run_id
        assert parse_event_time(run.createdAt) == _time(of_run[0])
        assert parse_event_time(run.updatedAt) == _time(of_run[-1])
        names = {name for event in of_run for name, value in (event["run"].get("facets") or {}).items() if value}
        assert set(run.facets) == names, run_id


async def test_current_edges_are_those_of_the_rule(clickhouse: ClickHouse, events: list[Event]) -> None:
    naming: dict[Node, list[Event]] = defaultdict(list)
    completed = {event["run"]["runId"] for event in events if event.get("eventType") == "COMPLETE"}
    for event in events:
        if "job" in event and _sides(event):
            naming[_job(event)].append(event)
    expected = set()
    for job, of_job in naming.items():
        of_runs = [event for event in of_job if "run" in event]
        keys = [(_time(event), event["run"]["runId"]) for event in of_runs]
        current = {max(keys)[1]} if keys else set()
        complete = [key for key in keys if key[1] in completed]
        current |= {max(complete)[1]} if complete else set()
        static = [event for event in of_job if "run" not in event]
        latest = max((_time(event) for event in static), default=None)
        shown = [event for event in of_runs if event["run"]["runId"] in current]
        shown += [event for event in static if _time(event) == latest]
        for side, dataset in (pair for event in shown for pair in _sides(event)):
            expected.add((dataset, job) if side == "inputs" else (job, dataset))
    assert len(expected) > 200
    links = LinksByLevel(clickhouse, NAMESPACE, Aliases(), None, set())
    assert await links.of_jobs(None) == expected


async def test_column_edges_are_those_of_each_outputs_latest_facet(clickhouse: ClickHouse, events: list[Event]) -> None:
    latest: dict[tuple[Any, Node], list[tuple[Any, Any]]] = defaultdict(list)
    for event in events:
        job = _job(event)[1:] if "job" in event else ("", "")
        datasets = [*(event.get("inputs") or []), *(event.get("outputs") or [])]
        for one in [*datasets, *([event["dataset"]] if "dataset" in event and "job" not in event else [])]:
            facet = (one.get("facets") or {}).get("columnLineage")
            if facet:
                latest[job, Node("dataset", one["namespace"], one["name"])].append((_time(event), facet))
    expected: set[tuple[Any, ...]] = set()
    ambiguous = set()
    for (job, dataset), history in latest.items():
        last = max(time for time, _ in history)
        facets = {json.dumps([facet.get("fields"), facet.get("dataset")]) for time, facet in history if time == last}
        if len(facets) > 1:
            ambiguous.add((job, dataset))
            continue
        fields, whole = json.loads(facets.pop())
        pairs = [(name, one) for name, of_field in (fields or {}).items() for one in of_field["inputFields"]]
        pairs += [("", one) for one in whole or []]
        for field, one in pairs:
            origin = (one["namespace"], one["name"], one["field"])
            steps = [step["type"] for step in one.get("transformations") or []]
            expected.add((job, dataset, field, origin, tuple(steps)))
    assert len(expected) > 100
    found = set()
    edges = ColumnEdges(clickhouse, NAMESPACE, Aliases(), None)
    for edge in await edges.into({dataset for _, dataset in latest}):
        origin = (edge.origin.dataset.namespace, edge.origin.dataset.name, edge.origin.field)
        destination = edge.destination
        if (edge.job, destination.dataset) not in ambiguous:
            steps = [str(step["type"]) for step in edge.steps]
            found.add((edge.job, destination.dataset, destination.field, origin, tuple(steps)))
    assert found == expected
