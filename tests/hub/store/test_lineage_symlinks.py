"""Symlinks unite the names of a dataset when it is read: late ones too, in any order, under a name that depends on the events alone."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import unite
from lineagehub.store.queries.column_lineage import column_lineage
from lineagehub.store.queries.datasets import dataset_by_name
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.node_ids import ColumnNodeId, NodeId
from tests.hub.store.conftest import insert_events, insert_together
from tests.support.lineage_samples import dataset, dataset_event, facet, fresh, run_event


def symlinks(*names: str) -> dict[str, Any]:
    """Return a symlinks facet to tables of the catalog."""
    return facet(identifiers=[{"namespace": "hive://h", "name": name, "type": "TABLE"} for name in names])


EVENTS = [
    run_event("COMPLETE", 1, "r1", job="write", writes=[dataset("path/t", "s3://b")]),
    run_event("COMPLETE", 2, "r2", job="read", reads=[dataset("db.t", "hive://h")]),
    dataset_event(3, "path/t", "s3://b", symlinks=symlinks("db.t")),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_graph_has_one_node_for_all_names_whatever_came_first(
    clickhouse: ClickHouse, order: tuple[int, ...]
) -> None:
    namespace = fresh("symlinks")
    await insert_events(clickhouse, namespace, [EVENTS[number] for number in order])
    for start in ("job:jobs:write", "dataset:s3://b:path/t", "dataset:hive://h:db.t"):
        graph = await lineage_graph(clickhouse, namespace, NodeId.parse(start), 5)
        assert graph is not None
        assert [node["id"] for node in graph["graph"]] == ["dataset:s3://b:path/t", "job:jobs:read", "job:jobs:write"]
        assert graph["graph"][0]["data"]["aliases"] == [{"namespace": "hive://h", "name": "db.t"}]


async def test_what_is_known_under_one_name_is_known_under_all_and_a_removed_symlink_parts_them(
    clickhouse: ClickHouse,
) -> None:
    namespace = fresh("symlinks")
    fields = {"columnLineage": facet(fields={"y": {"inputFields": [{**dataset("db.t", "hive://h"), "field": "x"}]}})}
    schema = {"schema": facet(fields=[{"name": "x", "type": "int"}])}
    await insert_together(
        clickhouse,
        namespace,
        [
            *EVENTS,
            dataset_event(4, "db.t", "hive://h", **schema),
            run_event(
                "COMPLETE",
                5,
                "r3",
                job="read",
                reads=[dataset("db.t", "hive://h")],
                writes=[dataset("u", facets=fields)],
            ),
        ],
    )
    for name in (("s3://b", "path/t"), ("hive://h", "db.t")):
        found = await dataset_by_name(clickhouse, namespace, name)
        assert found is not None
        assert (found.name, set(found.facets)) == ("path/t", {"schema", "symlinks"})
    columns = await column_lineage(
        clickhouse, namespace, ColumnNodeId.parse("datasetField:s3://b:path/t:x"), 1, with_downstream=True
    )
    assert columns is not None
    assert [node["id"] for node in columns["graph"]] == ["datasetField:db://h:1:u:y", "datasetField:s3://b:path/t:x"]
    await insert_together(clickhouse, namespace, [dataset_event(6, "path/t", "s3://b", symlinks=symlinks())])
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("job:jobs:write"), 5)
    assert graph is not None
    assert [node["id"] for node in graph["graph"]] == ["dataset:s3://b:path/t", "job:jobs:write"]


def test_a_chain_of_aliases_is_one_group_known_by_the_name_that_an_event_named_first() -> None:
    names = [("ns", name) for name in "abcd"]
    pairs = [(names[3], names[2]), (names[0], names[1]), (names[1], names[2])]
    for order in itertools.permutations(pairs):
        aliases = unite(list(order), {names[2]: "2026-01-02", names[1]: "2026-01-01"})
        assert aliases.names_of(names[3]) == names
        assert {aliases.name_of(name) for name in names} == {names[1]}
    assert unite(pairs, {}).name_of(names[3]) == names[0]
    assert unite([(names[0], names[0])], {}).members == {}
