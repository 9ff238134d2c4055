"""Impact and search: every node that depends on another, nearest first, with the way to it; names found by a part of them."""

from __future__ import annotations

import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries import graph, impact
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.impact import Direction
from lineagehub.store.queries.node_ids import NodeId
from lineagehub.store.queries.search import Place, Sort, Wanted, search
from tests.hub.store.conftest import insert_together
from tests.support.lineage_samples import fresh, run_event, run_id

CHAIN = [
    run_event("COMPLETE", 1, "one", job="one", reads=["a"], writes=["b"]),
    run_event("COMPLETE", 2, "two", job="two", reads=["b"], writes=["c"]),
    run_event("COMPLETE", 3, "other", job="other", reads=["b", "x"], writes=["c", "a"]),
]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("down", [("job:jobs:other", 1), ("job:jobs:two", 1), ("dataset:db://h:1:a", 2), ("dataset:db://h:1:c", 2)]),
        ("up", [("job:jobs:one", 1), ("dataset:db://h:1:a", 2)]),
    ],
)
async def test_rows_go_one_way_nearest_first(
    clickhouse: ClickHouse, direction: Direction, expected: list[tuple[str, int]]
) -> None:
    namespace = fresh("impact")
    await insert_together(clickhouse, namespace, CHAIN)
    found = await impact.impact(clickhouse, namespace, NodeId.parse("dataset:db://h:1:b"), direction, 2, None)
    assert found is not None
    assert [(row.nodeId, row.distance) for row in found.rows] == expected
    last = found.rows[-1]
    job = "other" if direction == "down" else "one"
    assert (last.parent, last.viaJob, last.viaRun) == (f"job:jobs:{job}", f"job:jobs:{job}", run_id(job))
    assert not found.truncated


async def test_both_ways_and_a_node_that_does_not_exist(clickhouse: ClickHouse) -> None:
    namespace = fresh("impact")
    await insert_together(clickhouse, namespace, CHAIN)
    found = await impact.impact(clickhouse, namespace, NodeId.parse("job:jobs:two"), "both", 1, None)
    assert found is not None
    assert [(row.nodeId, row.direction) for row in found.rows] == [
        ("dataset:db://h:1:c", "down"),
        ("dataset:db://h:1:b", "up"),
    ]
    assert await impact.impact(clickhouse, namespace, NodeId.parse("job:jobs:none"), "both", 1, None) is None


async def test_a_graph_or_an_impact_that_is_too_large_says_so_and_has_the_nearest(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = fresh("large")
    await insert_together(clickhouse, namespace, CHAIN)
    monkeypatch.setattr(graph, "MAXIMUM_NODES", 3)
    monkeypatch.setattr(impact, "MAXIMUM_NODES", 3)
    node = NodeId.parse("dataset:db://h:1:b")
    cut = await lineage_graph(clickhouse, namespace, node, 20)
    assert cut is not None
    assert (len(cut["graph"]), cut["truncated"]) == (3, True)
    found = await impact.impact(clickhouse, namespace, node, "down", 20, None)
    assert found is not None
    assert ([row.distance for row in found.rows], found.truncated) == ([1, 1, 2], True)


@pytest.mark.parametrize("sort", ["name", "updated"])
async def test_search_finds_parts_of_names_in_pages_without_loss_or_repetition(
    clickhouse: ClickHouse, sort: Sort
) -> None:
    namespace = fresh("search")
    await insert_together(
        clickhouse,
        namespace,
        [
            run_event(
                "COMPLETE", number // 3, f"r{number}", job=f"Load_{number}", writes=[f"Load_{number % 4}", "else"]
            )
            for number in range(9)
        ],
    )
    found: list[tuple[str, str]] = []
    place: Place | None = None
    for _ in range(20):
        page, place = await search(clickhouse, namespace, Wanted("load_", None, "", sort), 3, place)
        assert page.totalCount == 13
        found += [(one.type, one.name) for one in page.results]
        if place is None:
            break
    assert len(found) == len(set(found)) == 13
    if sort == "name":
        assert [name for _, name in found] == sorted(name for _, name in found)
    else:
        assert found[:3] == [("JOB", "Load_6"), ("JOB", "Load_7"), ("JOB", "Load_8")] or found[0][1] in (
            "Load_0",
            "Load_2",
            "Load_3",
        )


async def test_search_keeps_to_the_kind_and_the_namespace_asked_for(clickhouse: ClickHouse) -> None:
    namespace = fresh("search")
    await insert_together(clickhouse, namespace, CHAIN)
    for wanted, expected in (
        (Wanted("", "job", "", "name"), ["job:jobs:one", "job:jobs:other", "job:jobs:two"]),
        (Wanted("", "dataset", "db://h:1", "name"), [f"dataset:db://h:1:{name}" for name in "abcx"]),
        (Wanted("", None, "elsewhere", "name"), []),
        (Wanted("%", None, "", "name"), []),
    ):
        page, place = await search(clickhouse, namespace, wanted, 100, None)
        assert [one.nodeId for one in page.results] == expected
        assert place is None
    page, _ = await search(clickhouse, "theirs", Wanted("", None, "", "name"), 100, None)
    assert page.totalCount == 0
