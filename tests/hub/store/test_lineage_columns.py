"""Column lineage: transformations and indirect dependencies kept, a re-sent facet replaces, as of any time, both facets that tell of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson
import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.column_lineage import column_lineage
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.node_ids import ColumnNodeId, NodeId
from tests.hub.store.conftest import insert_rows, insert_together, landing_row
from tests.support.corpus import require_corpus
from tests.support.lineage_samples import at, dataset, dataset_event, facet, fresh, job_event, run_event

IDENTITY = [{"type": "DIRECT", "subtype": "IDENTITY", "description": "", "masking": False}]
FILTER = [{"type": "INDIRECT", "subtype": "FILTER"}]


def column(name: str, field: str, transformations: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """Return an input field."""
    return {**dataset(name), "field": field, **more} | ({"transformations": transformations} if transformations else {})


def lineage(fields: dict[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    """Return a columnLineage facet."""
    return facet(fields={name: {"inputFields": inputs} for name, inputs in fields.items()}, **more)


async def columns(
    clickhouse: ClickHouse,
    namespace: str,
    node: str,
    *,
    depth: int = 20,
    downstream: bool = False,
    as_of: datetime | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the answer's nodes by id, through JSON as a client gets them."""
    found = await column_lineage(
        clickhouse, namespace, ColumnNodeId.parse(node), depth, with_downstream=downstream, as_of=as_of
    )
    assert found is not None
    graph = json.loads(orjson.dumps(found))["graph"]
    return {one["id"]: one for one in graph}


def field_id(name: str, field: str) -> str:
    """Return a field's node id."""
    return f"datasetField:db://h:1:{name}:{field}"


async def test_a_column_has_its_origins_with_transformations_and_what_its_whole_dataset_depends_on(
    clickhouse: ClickHouse,
) -> None:
    namespace = fresh("columns")
    facets = {
        "schema": facet(fields=[{"name": "total", "type": "int"}]),
        "columnLineage": lineage({"total": [column("a", "x", IDENTITY)]}, dataset=[column("a", "day", FILTER)]),
    }
    further = {"columnLineage": lineage({"x": [column("raw", "x", IDENTITY)]})}
    await insert_together(
        clickhouse,
        namespace,
        [
            run_event("COMPLETE", 1, "r1", job="sum", reads=["a"], writes=[dataset("b", facets=facets)]),
            run_event("COMPLETE", 2, "r2", job="copy", reads=["raw"], writes=[dataset("a", facets=further)]),
        ],
    )
    nodes = await columns(clickhouse, namespace, field_id("b", "total"))
    assert set(nodes) == {
        field_id("b", "total"),
        field_id("a", "x"),
        field_id("raw", "x"),
        field_id("a", "day"),
        "dataset:db://h:1:b",
    }
    total = nodes[field_id("b", "total")]
    assert (total["data"]["fieldType"], total["data"]["transformationType"]) == ("int", "IDENTITY")
    assert [(one["kind"], one["transformations"], one["job"]) for one in total["data"]["inputFields"]] == [
        ("DIRECT", IDENTITY, "job:jobs:sum")
    ]
    assert total["inEdges"] == [{"origin": field_id("a", "x"), "destination": field_id("b", "total")}]
    whole = nodes["dataset:db://h:1:b"]
    assert [(one["field"], one["kind"]) for one in whole["data"]["inputFields"]] == [("day", "INDIRECT")]
    assert set(await columns(clickhouse, namespace, field_id("b", "total"), depth=0)) == {field_id("b", "total")}
    down = await columns(clickhouse, namespace, field_id("raw", "x"), downstream=True)
    assert set(down) == {field_id("raw", "x"), field_id("a", "x"), field_id("b", "total")}
    assert (
        await column_lineage(clickhouse, namespace, ColumnNodeId.parse(field_id("b", "none")), 1, with_downstream=False)
        is None
    )


async def test_a_resent_facet_replaces_one_that_is_not_sent_does_not_and_a_deleted_one_leaves_nothing(
    clickhouse: ClickHouse,
) -> None:
    namespace = fresh("replaced")

    def writing(second: int, facets: dict[str, Any]) -> dict[str, Any]:
        return run_event("COMPLETE", second, f"r{second}", reads=["a", "c"], writes=[dataset("b", facets=facets)])

    await insert_together(
        clickhouse,
        namespace,
        [
            writing(1, {"columnLineage": lineage({"n": [column("a", "x")]})}),
            writing(2, {}),
            writing(3, {"columnLineage": lineage({"n": [column("c", "y")]})}),
            writing(4, {"columnLineage": facet(_deleted=True)}),
            writing(5, {"columnLineage": lineage({"n": [column("a", "x")]})}),
        ],
    )
    seen = []
    for second in range(1, 6):
        nodes = await columns(clickhouse, namespace, "dataset:db://h:1:b", as_of=datetime.fromisoformat(at(second)))
        seen.append(sorted(one["data"]["dataset"] for one in nodes.values()))
    assert seen == [["a", "b"], ["a", "b"], ["b", "c"], [], ["a", "b"]]
    assert set(await columns(clickhouse, namespace, "dataset:db://h:1:b")) == {field_id("a", "x"), field_id("b", "n")}


async def test_the_lineage_facet_of_a_job_gives_dataset_job_and_column_edges(clickhouse: ClickHouse) -> None:
    namespace = fresh("declared")
    entries = [
        {
            **dataset("out"),
            "type": "DATASET",
            "inputs": [{**dataset("in"), "type": "DATASET", "field": "day", "transformations": FILTER}],
            "fields": {"n": {"inputs": [{**dataset("in"), "type": "DATASET", "field": "x"}]}},
        },
        {"type": "JOB", "inputs": [{"namespace": "jobs", "name": "before", "type": "JOB"}]},
    ]
    await insert_together(clickhouse, namespace, [job_event(1, lineage=facet(entries=entries))])
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("job:jobs:load"), 5)
    assert graph is not None
    edges = {(edge["origin"], edge["destination"]) for node in graph["graph"] for edge in node["inEdges"]}
    assert edges == {
        ("dataset:db://h:1:in", "job:jobs:load"),
        ("job:jobs:load", "dataset:db://h:1:out"),
        ("job:jobs:before", "job:jobs:load"),
    }
    nodes = await columns(clickhouse, namespace, "dataset:db://h:1:out", downstream=False)
    assert {edge["origin"] for node in nodes.values() for edge in node["inEdges"]} == {
        field_id("in", "x"),
        field_id("in", "day"),
    }
    await insert_together(clickhouse, namespace, [job_event(2, lineage=facet(entries=entries[1:]))])
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("job:jobs:load"), 5)
    assert graph is not None
    assert [node["id"] for node in graph["graph"]] == ["job:jobs:before", "job:jobs:load"]


async def test_the_lineage_facet_of_a_dataset_without_a_job_links_datasets(clickhouse: ClickHouse) -> None:
    namespace = fresh("declared")
    inputs = [{**dataset("in"), "type": "DATASET"}]
    fields = {"n": {"inputs": [{**dataset("in"), "type": "DATASET", "field": "x", "transformations": IDENTITY}]}}
    await insert_together(clickhouse, namespace, [dataset_event(1, "out", lineage=facet(inputs=inputs, fields=fields))])
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("dataset:db://h:1:in"), 1)
    assert graph is not None
    assert [node["id"] for node in graph["graph"]] == ["dataset:db://h:1:in", "dataset:db://h:1:out"]
    nodes = await columns(clickhouse, namespace, field_id("in", "x"), downstream=True)
    assert set(nodes) == {field_id("in", "x"), field_id("out", "n")}


async def test_an_event_with_300_columns_of_43_origins_each_is_read_whole(clickhouse: ClickHouse) -> None:
    namespace = fresh("wide")
    event = (require_corpus() / "openlineage-edge" / "wide_cll.json").read_bytes()
    await insert_rows(clickhouse, [landing_row(namespace, event, "0" * 32)])
    nodes = await columns(clickhouse, namespace, "dataset:n:x")
    facet_of_event = json.loads(event)["outputs"][0]["facets"]["columnLineage"]
    pairs = {
        (f"datasetField:{one['namespace']}:{one['name']}:{one['field']}", f"datasetField:n:x:{name}")
        for name, lineage_of_field in facet_of_event["fields"].items()
        for one in lineage_of_field["inputFields"]
    }
    assert len(pairs) > 10_000
    assert {(edge["origin"], edge["destination"]) for node in nodes.values() for edge in node["inEdges"]} == pairs


@pytest.mark.parametrize("text", ["", "job:a:b", "datasetField:a:b", "dataset:a", "datasetField:a:b:"])
def test_a_column_node_id_that_is_none_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"dataset:\{namespace\}:\{name\} or datasetField"):
        ColumnNodeId.parse(text)
