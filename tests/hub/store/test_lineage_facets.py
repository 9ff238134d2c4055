"""Facets accumulate over a run, a re-sent one replaces, a deleted one is gone, and what is not provided changes nothing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.datasets import dataset_by_name
from lineagehub.store.queries.jobs import job_by_name
from lineagehub.store.queries.runs import run_by_id
from tests.hub.store.conftest import insert_events, insert_together
from tests.support.lineage_samples import dataset, dataset_event, facet, fresh, job_event, run_event, run_id


async def test_a_run_has_the_latest_of_every_facet_and_what_reads_of_them_need(clickhouse: ClickHouse) -> None:
    namespace = fresh("run")
    root = {"run": {"runId": run_id("root").upper()}, "job": {"namespace": "dags", "name": "dag"}}
    parent = facet(run={"runId": run_id("parent").upper()}, job={"namespace": "dags", "name": "dag.task"}, root=root)
    await insert_together(
        clickhouse,
        namespace,
        [
            run_event("FAIL", 3, "r", run_facets={"errorMessage": facet(message="Out of memory.")}),
            run_event("START", 1, "r", run_facets={"parent": parent, "acme_team": facet(team="old")}),
            run_event("RUNNING", 2, "r", run_facets={"acme_team": facet(team="new"), "nothing": None}),
            run_event(
                "OTHER",
                2,
                "r",
                run_facets={
                    "processing_engine": facet(name="spark", version="4.1.0"),
                    "externalQuery": facet(externalQueryId="q-1", source="trino"),
                },
            ),
        ],
    )
    run = await run_by_id(clickhouse, namespace, run_id("r"))
    assert run is not None
    assert (run.state, run.error, run.processingEngine) == ("FAILED", "Out of memory.", "spark 4.1.0")
    assert run.externalQueryId == "q-1"
    assert run.facets["acme_team"] == facet(team="new")
    assert set(run.facets) == {"parent", "acme_team", "errorMessage", "processing_engine", "externalQuery"}
    assert run.parent is not None
    assert run.parent.model_dump() == {"runId": run_id("parent"), "namespace": "dags", "jobName": "dag.task"}
    assert run.root is not None
    assert run.root.model_dump() == {"runId": run_id("root"), "namespace": "dags", "jobName": "dag"}


DOCUMENTED = facet(description="Loads.")
DELETED = facet(_deleted=True)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_deleted_facet_is_gone_until_it_is_sent_again(clickhouse: ClickHouse, order: tuple[int, ...]) -> None:
    namespace = fresh("deleted")
    events = [
        job_event(1, documentation=DOCUMENTED, sql=facet(query="SELECT 1")),
        job_event(2, documentation=DELETED),
        job_event(3, ownership=facet(owners=[])),
    ]
    await insert_events(clickhouse, namespace, [events[number] for number in order])
    job = await job_by_name(clickhouse, namespace, ("jobs", "load"))
    assert job is not None
    assert set(job.facets) == {"sql", "ownership"}
    await insert_events(clickhouse, namespace, [job_event(4, documentation=DOCUMENTED)])
    job = await job_by_name(clickhouse, namespace, ("jobs", "load"))
    assert job is not None
    assert job.facets["documentation"] == DOCUMENTED


async def test_a_dataset_keeps_what_later_events_do_not_provide(clickhouse: ClickHouse) -> None:
    namespace = fresh("dataset")
    statistics, quality = facet(rowCount=7, size=99), facet(assertions=[{"assertion": "not_null", "success": True}])
    await insert_together(
        clickhouse,
        namespace,
        [
            run_event(
                "COMPLETE",
                1,
                "r1",
                writes=[
                    dataset(
                        "t",
                        facets={"schema": facet(fields=[{"name": "a"}]), "ownership": facet(owners=[{"name": "me"}])},
                        outputFacets={"outputStatistics": statistics},
                    )
                ],
            ),
            run_event("START", 2, "r2", reads=[dataset("t", inputFacets={"dataQualityAssertions": quality})]),
            run_event("COMPLETE", 3, "r3", writes=["t"]),
            dataset_event(4, "t", lifecycleStateChange=facet(lifecycleStateChange="TRUNCATE"), acme=facet(x=1)),
        ],
    )
    found = await dataset_by_name(clickhouse, namespace, ("db://h:1", "t"))
    assert found is not None
    assert set(found.facets) == {"schema", "ownership", "lifecycleStateChange", "acme"}
    assert found.outputFacets == {"outputStatistics": statistics}
    assert found.inputFacets == {"dataQualityAssertions": quality}
    assert found.lifecycleState == "TRUNCATE"
    run = await run_by_id(clickhouse, namespace, run_id("r1"))
    assert run is not None
    assert [(one.name, one.facets) for one in run.outputs] == [("t", {"outputStatistics": statistics})]
    run = await run_by_id(clickhouse, namespace, run_id("r2"))
    assert run is not None
    assert [(one.name, one.facets) for one in run.inputs] == [("t", {"dataQualityAssertions": quality})]


async def test_schemas_and_versions_of_a_dataset_are_kept_with_the_runs_that_wrote_them(clickhouse: ClickHouse) -> None:
    namespace = fresh("versions")
    narrow: list[Any] = [{"name": "a"}]
    wide: list[Any] = [{"name": "a"}, {"name": "b", "fields": [{"name": "nested"}]}]

    def table(fields: list[Any], version: str) -> dict[str, Any]:
        return dataset("t", facets={"schema": facet(fields=fields), "version": facet(datasetVersion=version)})

    await insert_together(
        clickhouse,
        namespace,
        [
            run_event("COMPLETE", 3, "r3", writes=[table(narrow, "3")]),
            run_event("COMPLETE", 2, "r2", writes=[table(wide, "2")]),
            run_event("COMPLETE", 1, "r1", writes=[table(narrow, "1")]),
            run_event("COMPLETE", 4, "r4", job="other", reads=[table(narrow, "3")]),
        ],
    )
    found = await dataset_by_name(clickhouse, namespace, ("db://h:1", "t"))
    assert found is not None
    assert [(one.fields, one.firstSeenBy, one.lastSeenBy) for one in found.schemas] == [
        (narrow, run_id("r1"), run_id("r4")),
        (wide, run_id("r2"), run_id("r2")),
    ]
    assert [(one.runId, one.version, one.jobName) for one in found.versions] == [
        (run_id("r3"), "3", "load"),
        (run_id("r2"), "2", "load"),
        (run_id("r1"), "1", "load"),
    ]
    assert found.versions[0].schemaHash == found.versions[2].schemaHash == found.schemas[0].hash


async def test_parent_and_children_of_a_job_are_told_by_namespace_and_name(clickhouse: ClickHouse) -> None:
    namespace = fresh("hierarchy")

    def under(name: str) -> dict[str, object]:
        return {"parent": facet(run={"runId": run_id(name)}, job={"namespace": "dags", "name": name})}

    await insert_together(
        clickhouse,
        namespace,
        [
            run_event("START", 1, "c1", job="moved", run_facets=under("before")),
            run_event("START", 3, "c2", job="moved", run_facets=under("after")),
            run_event("COMPLETE", 4, "c2", job="moved"),
            run_event("START", 2, "c3", job="stayed", run_facets=under("before")),
            {**run_event("START", 1, "before"), "job": {"namespace": "dags", "name": "before"}},
        ],
    )
    moved = await job_by_name(clickhouse, namespace, ("jobs", "moved"))
    assert moved is not None
    assert moved.parent is not None
    assert (moved.parent.namespace, moved.parent.name) == ("dags", "after")
    parent = await job_by_name(clickhouse, namespace, ("dags", "before"))
    assert parent is not None
    assert [child.name for child in parent.children] == ["stayed"]
    run = await run_by_id(clickhouse, namespace, run_id("before"))
    assert run is not None
    assert run.childRuns == [run_id("c3"), run_id("c1")]
