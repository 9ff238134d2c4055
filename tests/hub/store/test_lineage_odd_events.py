"""Odd events of the corpus: none breaks an insert, its neighbours are stored, and what it says is in the model."""

from __future__ import annotations

import json
import uuid

import pytest

from lineagehub.settings import ClickHouseSettings
from lineagehub.store import migrate
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.column_lineage import column_lineage
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.jobs import job_by_name
from lineagehub.store.queries.node_ids import ColumnNodeId, NodeId
from lineagehub.store.queries.runs import run_by_id
from tests.hub.store.conftest import insert_events, insert_rows, landing_row
from tests.support.clickhouse import EmbeddedClickHouse
from tests.support.corpus import require_corpus
from tests.support.lineage_samples import dataset, facet, fresh, run_event, run_id


async def test_odd_events_are_stored_beside_an_ordinary_one(clickhouse: ClickHouse) -> None:
    namespace = fresh("odd")
    files = sorted((require_corpus() / "openlineage-edge").glob("*.json"))
    values = [file.read_bytes() for file in files]
    values.append(json.dumps(run_event("COMPLETE", 1, "r", reads=["a"], writes=["b"])).encode())
    await insert_rows(clickhouse, [landing_row(namespace, value, uuid.uuid4().hex) for value in values])
    stored = await clickhouse.select(
        "SELECT count() AS events FROM read_lineage_events(ns = {ns:String})", {"ns": namespace}
    )
    assert stored == [{"events": len(values)}]
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("job:jobs:load"), 1)
    assert graph is not None
    assert len(graph["graph"]) == 3
    for file, kind, name in (("nul_in_string", "job", ("n", "a\0b")), ("many_datasets", "many", None)):
        event = json.loads((require_corpus() / "openlineage-edge" / f"{file}.json").read_bytes())
        job = (event["job"]["namespace"], event["job"]["name"])
        assert name in (None, job), kind
        assert await job_by_name(clickhouse, namespace, job) is not None


async def test_2_000_inputs_of_one_event_are_2_000_edges(clickhouse: ClickHouse) -> None:
    namespace = fresh("many")
    value = (require_corpus() / "openlineage-edge" / "many_datasets.json").read_bytes()
    await insert_rows(clickhouse, [landing_row(namespace, value, "0" * 32)])
    event = json.loads(value)
    node = NodeId.parse(f"job:{event['job']['namespace']}:{event['job']['name']}")
    graph = await lineage_graph(clickhouse, namespace, node, 1)
    assert graph is not None
    names = {(one["namespace"], one["name"]) for one in event["inputs"] + event["outputs"]}
    assert len(names) >= 2_000
    assert len(graph["graph"]) == len(names) + 1


async def test_datasets_without_a_namespace_are_nodes_and_have_columns(clickhouse: ClickHouse) -> None:
    # Airflow's FileTransferOperator sends files on its own disk so.
    namespace = fresh("bare")
    origin = {"namespace": "", "name": "tmp/a", "field": "x"}
    lineage = facet(fields={"y": {"inputFields": [origin]}})
    target = dataset("tmp/b:c", "", facets={"columnLineage": lineage})
    await insert_events(
        clickhouse, namespace, [run_event("COMPLETE", 1, "r", reads=[dataset("tmp/a", "")], writes=[target])]
    )
    graph = await lineage_graph(clickhouse, namespace, NodeId.parse("dataset::tmp/a"), 2)
    assert graph is not None
    assert [node["id"] for node in graph["graph"]] == ["dataset::tmp/a", "dataset::tmp/b:c", "job:jobs:load"]
    column = ColumnNodeId.parse("datasetField::tmp/b:c:y")
    columns = await column_lineage(clickhouse, namespace, column, 1, with_downstream=False)
    assert columns is not None
    assert {node["id"] for node in columns["graph"]} == {"datasetField::tmp/a:x", "datasetField::tmp/b:c:y"}


@pytest.mark.parametrize("facets", [None, [], 5, "text", {"x": None}, {"x": 5}, {"x": "{"}, {"x": []}])
async def test_facets_that_are_none_are_as_good_as_absent(clickhouse: ClickHouse, facets: object) -> None:
    namespace = fresh("no-facets")
    event = run_event("COMPLETE", 1, "r", reads=[dataset("a", facets=facets, inputFacets=facets)])
    event["run"]["facets"] = event["job"]["facets"] = facets
    sent = run_event("START", 0, "r", run_facets={"x": facet(kept=True)})
    await insert_events(clickhouse, namespace, [event, sent])
    run = await run_by_id(clickhouse, namespace, run_id("r"))
    assert run is not None
    assert run.facets == {"x": facet(kept=True)}
    assert [one.name for one in run.inputs] == ["a"]


async def test_events_that_were_stored_before_the_model_are_in_it(server: EmbeddedClickHouse) -> None:
    settings = ClickHouseSettings(url=server.url, database="before_the_model")
    every = migrate.all_migrations()
    async with ClickHouse(settings) as client:
        await client.execute("CREATE DATABASE before_the_model", database="")
        for migration in every:
            if migration.name == "0009_lineage_model.sql":
                await insert_events(client, "old", [run_event("COMPLETE", 1, "r", reads=["a"], writes=["b"])])
            for statement in migration.statements(settings):
                await client.execute(statement)
        graph = await lineage_graph(client, "old", NodeId.parse("job:jobs:load"), 1)
        assert graph is not None
        assert [node["id"] for node in graph["graph"]] == ["dataset:db://h:1:a", "dataset:db://h:1:b", "job:jobs:load"]
        stored = await client.select("SELECT count() AS events FROM lineage_events")
        assert stored == [{"events": 1}]
