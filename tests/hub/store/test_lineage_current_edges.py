"""Which datasets a job reads and writes now, and did as of a time: the rule of links.py, case by case, in both ways of reading."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries import links
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.node_ids import NodeId
from tests.hub.store.conftest import insert_together
from tests.support.lineage_samples import at, fresh, job_event, run_event

CASES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "a run that has only named its inputs keeps the outputs of the last complete one": (
        [
            run_event("COMPLETE", 1, "r1", reads=["a"], writes=["b"]),
            run_event("START", 2, "r2", reads=["a"]),
        ],
        {"a", "b"},
    ),
    "an empty FAIL removes nothing": (
        [run_event("COMPLETE", 1, "r1", reads=["a"], writes=["b"]), run_event("FAIL", 3, "r2", reads=[], writes=[])],
        {"a", "b"},
    ),
    "an empty COMPLETE removes nothing": (
        [run_event("COMPLETE", 1, "r1", reads=["a"], writes=["b"]), run_event("COMPLETE", 3, "r2")],
        {"a", "b"},
    ),
    "a run that never ends shows what it has named": (
        [run_event("START", 1, "r1", reads=["a"]), run_event("RUNNING", 2, "r1", writes=["b"])],
        {"a", "b"},
    ),
    "what a run named at its start counts when it completes without datasets": (
        [
            run_event("START", 1, "r1", reads=["a"], writes=["b"]),
            run_event("COMPLETE", 2, "r1"),
            run_event("START", 3, "r2", reads=["a"]),
        ],
        {"a", "b"},
    ),
    "an input that is no longer read goes with the next complete run": (
        [
            run_event("COMPLETE", 1, "r1", reads=["a", "old"], writes=["b"]),
            run_event("COMPLETE", 2, "r2", reads=["a"], writes=["b"]),
        ],
        {"a", "b"},
    ),
    "a failed run does not remove the input of the complete one": (
        [
            run_event("COMPLETE", 1, "r1", reads=["a", "old"], writes=["b"]),
            run_event("FAIL", 2, "r2", reads=["a"], writes=["b"]),
        ],
        {"a", "old", "b"},
    ),
    "a JobEvent's datasets are there beside the runs'": (
        [job_event(1, reads=["declared"]), run_event("COMPLETE", 2, "r1", reads=["a"])],
        {"declared", "a"},
    ),
    "only the latest JobEvent that named datasets counts": (
        [job_event(1, reads=["former"]), job_event(2, reads=["declared"]), job_event(3)],
        {"declared"},
    ),
}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "by level"])
@pytest.mark.parametrize("case", CASES)
async def test_current_datasets(
    clickhouse: ClickHouse, case: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(links, "MAXIMUM_WHOLE_EDGES", 0)
    events, expected = CASES[case]
    namespace = fresh("current")
    await insert_together(clickhouse, namespace, events)
    assert await _datasets(clickhouse, namespace) == expected


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "by level"])
async def test_as_of_a_time_the_graph_is_what_the_events_up_to_it_gave(
    clickhouse: ClickHouse, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(links, "MAXIMUM_WHOLE_EDGES", 0)
    history = [
        job_event(1, reads=["declared"]),
        run_event("START", 2, "r1", reads=["a"]),
        run_event("COMPLETE", 4, "r1", writes=["b"]),
        run_event("START", 5, "r2", reads=["c"]),
        job_event(6, reads=["declared anew"]),
        run_event("RUNNING", 7, "r1", reads=["late"]),
        run_event("COMPLETE", 8, "r2", writes=["d"]),
    ]
    every = fresh("as-of")
    await insert_together(clickhouse, every, history)
    for count in range(1, len(history) + 1):
        until = history[count - 1]["eventTime"]
        replayed = fresh("replayed")
        await insert_together(clickhouse, replayed, history[:count])
        then = await _datasets(clickhouse, every, datetime.fromisoformat(until))
        assert then == await _datasets(clickhouse, replayed), f"as of {until}"
    before = datetime.fromisoformat(at(0))
    assert await lineage_graph(clickhouse, every, NodeId.parse("job:jobs:load"), 1, before) is None


async def test_as_of_a_time_a_run_has_come_as_far_as_it_had_and_fields_are_those_of_then(
    clickhouse: ClickHouse,
) -> None:
    def table(*names: str) -> dict[str, Any]:
        fields = [{"name": name, "type": "int"} for name in names]
        return {"namespace": "db://h:1", "name": "t", "facets": {"schema": {"fields": fields}}}

    namespace = fresh("then")
    await insert_together(
        clickhouse,
        namespace,
        [
            run_event("START", 1, "r1", writes=[table("x")]),
            run_event("COMPLETE", 3, "r1", writes=[table("x")]),
            run_event("COMPLETE", 5, "r2", writes=[table("x", "y")]),
        ],
    )
    seen = []
    for second in (2, 4, 5):
        graph = await lineage_graph(
            clickhouse, namespace, NodeId.parse("job:jobs:load"), 1, datetime.fromisoformat(at(second))
        )
        assert graph is not None
        data = {node["type"]: node["data"] for node in graph["graph"]}
        seen.append((data["JOB"]["latestRun"]["state"], [field["name"] for field in data["DATASET"]["fields"]]))
    assert seen == [("RUNNING", ["x"]), ("COMPLETED", ["x"]), ("COMPLETED", ["x", "y"])]


async def _datasets(clickhouse: ClickHouse, namespace: str, as_of: datetime | None = None) -> set[str]:
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("job:jobs:load"), 1, as_of)
    assert graph is not None
    job = next(node for node in graph["graph"] if node["type"] == "JOB")
    names = {one["name"] for one in job["data"]["inputs"] + job["data"]["outputs"]}
    assert names == {node["data"]["name"] for node in graph["graph"] if node["type"] == "DATASET"}
    return names
