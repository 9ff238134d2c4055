"""The derived model: the same state for any order and any repetition of a run's events; nothing of another namespace."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.error_codes import SchemaMismatch
from lineagehub.store.queries.events import lineage_events
from lineagehub.store.queries.graph import NodeId, lineage_graph
from lineagehub.store.queries.runs import run_by_id
from tests.hub.store.conftest import insert_events

FACET = {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet.json"}


def _event(kind: str, second: int, run_id: str, **others: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": f"2026-11-24T10:00:{second:02d}.000Z",
        "run": {"runId": run_id, "facets": others.pop("facets", {})},
        "job": {"namespace": "jobs", "name": others.pop("job", "load"), "facets": others.pop("job_facets", {})},
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        **others,
    }


def _history(run_id: str) -> list[dict[str, Any]]:
    nominal = {"nominalTime": {**FACET, "nominalStartTime": "2026-11-24T00:00:00Z"}}
    return [
        _event("START", 1, run_id, facets=nominal, inputs=[{"namespace": "s3://in", "name": "a"}]),
        _event("RUNNING", 2, run_id, job_facets={"documentation": {**FACET, "description": "Loads."}}),
        _event("OTHER", 3, run_id, outputs=[{"namespace": "s3://out", "name": "b"}]),
        _event("COMPLETE", 4, run_id, inputs=[], outputs=[]),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
async def test_any_order_of_a_runs_events_gives_the_same_run_and_graph(
    clickhouse: ClickHouse, order: tuple[int, ...]
) -> None:
    namespace, run_id = f"order-{uuid.uuid4().hex[:8]}", str(uuid.uuid4())
    history = _history(run_id)
    await insert_events(clickhouse, namespace, [history[position] for position in (*order, *order[:2])])
    run = await run_by_id(clickhouse, namespace, run_id.upper())
    assert run is not None
    assert (run.state, run.durationMs, run.namespace, run.jobName) == ("COMPLETED", 3000, "jobs", "load")
    assert run.startedAt == "2026-11-24T10:00:01.000000Z"
    assert run.nominalStartTime == "2026-11-24T00:00:00Z"
    assert set(run.facets) == {"nominalTime"}
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("job:jobs:load"), 1)
    assert graph is not None
    assert [node["id"] for node in graph["graph"]] == ["dataset:s3://in:a", "dataset:s3://out:b", "job:jobs:load"]
    assert graph["graph"][-1]["data"]["description"] == "Loads."


@pytest.mark.parametrize(("kind", "state"), [("FAIL", "FAILED"), ("ABORT", "ABORTED"), ("RUNNING", "RUNNING")])
async def test_the_state_is_that_of_the_last_event_by_event_time(clickhouse: ClickHouse, kind: str, state: str) -> None:
    run_id = str(uuid.uuid4())
    await insert_events(clickhouse, "states", [_event(kind, 5, run_id), _event("START", 1, run_id)])
    run = await run_by_id(clickhouse, "states", run_id)
    assert run is not None
    assert run.state == state


async def test_a_repeated_event_is_visible_once(clickhouse: ClickHouse) -> None:
    event, event_id = _event("START", 1, str(uuid.uuid4())), uuid.uuid4().hex
    await insert_events(clickhouse, "repeated", [event, event, event], [event_id] * 3)
    page = await lineage_events(
        clickhouse, "repeated", before=None, after=None, sort_direction="desc", limit=10, offset=0
    )
    assert page.totalCount == 1
    assert page.events == [event]


async def test_another_namespace_sees_nothing(clickhouse: ClickHouse) -> None:
    run_id = str(uuid.uuid4())
    await insert_events(clickhouse, "mine", _history(run_id))
    assert await run_by_id(clickhouse, "mine", run_id) is not None
    assert await run_by_id(clickhouse, "theirs", run_id) is None
    assert await lineage_graph(clickhouse, "theirs", NodeId.parse("job:jobs:load"), 5) is None
    page = await lineage_events(clickhouse, "theirs", before=None, after=None, sort_direction="asc", limit=10, offset=0)
    assert (page.totalCount, page.events) == (0, [])


@pytest.mark.parametrize("view", ["events", "runs", "jobs", "datasets", "run_datasets", "column_edges"])
async def test_a_query_without_a_namespace_cannot_run(clickhouse: ClickHouse, view: str) -> None:
    with pytest.raises(SchemaMismatch):
        await clickhouse.select(f"SELECT count() FROM read_lineage_{view}")


async def test_the_graph_goes_as_far_as_asked_and_survives_cycles(clickhouse: ClickHouse) -> None:
    namespace = f"chain-{uuid.uuid4().hex[:8]}"
    names = ["a", "b", "c", "a"]
    steps = [
        _event(
            "COMPLETE",
            number,
            str(uuid.uuid4()),
            job=f"step{number}",
            inputs=[{"namespace": "db://h:1", "name": source}],
            outputs=[{"namespace": "db://h:1", "name": target}],
        )
        for number, (source, target) in enumerate(itertools.pairwise(names))
    ]
    await insert_events(clickhouse, namespace, steps)
    start = NodeId.parse("dataset:db://h:1:a")
    sizes = []
    for depth in (0, 1, 2, 20):
        graph = await lineage_graph(clickhouse, namespace, start, depth)
        assert graph is not None
        sizes.append(len(graph["graph"]))
    assert sizes == [1, 3, 5, 6]


@pytest.mark.parametrize("text", ["", "job:", "job:x", "table:a:b", "job:a:", "job:" + "x" * 5000 + ":y"])
def test_a_node_id_that_is_none_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"nodeId must be job:\{namespace\}:\{name\}"):
        NodeId.parse(text)


async def test_queries_read_through_the_namespaced_views_only() -> None:
    import re
    from pathlib import Path

    from lineagehub.store import queries

    for path in Path(queries.__path__[0]).glob("*.py"):
        text = path.read_text()
        tables = set(re.findall(r"\bFROM (\w+)", text)) - set(re.findall(r"\bWITH (\w+) AS", text))
        assert all(table.startswith("read_") for table in tables), path.name
