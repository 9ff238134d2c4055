"""Deletion: what was deleted is in no view and not on disk, what others said stays, and another tenant's rows are untouched."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from typing import Any

import pytest

from lineagehub.contract.lineage import parse_event_time
from lineagehub.contract.signals import Signal
from lineagehub.store.client import ClickHouse
from lineagehub.store.deletion import Found, Target, delete, delete_tenant, find
from lineagehub.store.deletion_places import MENTIONS, PLACES
from lineagehub.store.landing import LINEAGE_EVENTS_IN, insert_settings
from lineagehub.store.queries.column_lineage import column_lineage
from lineagehub.store.queries.datasets import dataset_by_name
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.jobs import job_by_name
from lineagehub.store.queries.node_ids import ColumnNodeId, NodeId
from lineagehub.store.queries.runs import run_by_id
from lineagehub.store.retention import RETAINED_TABLES
from tests.hub.store.conftest import insert_events, insert_together, landing_row
from tests.support.lineage_samples import at, dataset, dataset_event, facet, fresh, job_event, run_event, run_id
from tests.support.waiting import wait_until_async

DB = "db://h:1"


def columns_from(name: str) -> dict[str, Any]:
    """A column x that comes from the column x of a dataset."""
    return facet(fields={"x": {"inputFields": [{"namespace": DB, "name": name, "field": "x"}]}})


def parent(run: str, job: str) -> dict[str, Any]:
    root = {"run": {"runId": run_id(run)}, "job": {"namespace": "jobs", "name": job}}
    return facet(**root, root=root)


def history() -> list[dict[str, Any]]:
    """Jobs and datasets of which one each is `doomed`, in every table that a name can come to."""
    schema = facet(fields=[{"name": "x", "type": "int"}])
    declared = facet(inputs=[{"namespace": DB, "name": "doomed.t", "type": "DATASET", "field": "x"}], fields={})
    entry = {"namespace": DB, "name": "kept.t", "type": "DATASET", "inputs": declared["inputs"], "fields": {}}
    follows = {"namespace": "jobs", "name": "", "type": "JOB"}
    after = {
        **follows,
        "name": "after",
        "inputs": [{"namespace": "jobs", "name": "doomed.j", "type": "JOB"}],
        "fields": {},
    }
    return [
        run_event("START", 1, "first", job="doomed.j", reads=["kept.in"]),
        run_event(
            "COMPLETE",
            2,
            "first",
            job="doomed.j",
            reads=[dataset("kept.in", inputFacets={"dataQualityMetrics": facet(rowCount=3)})],
            writes=[dataset("doomed.t", facets={"schema": schema, "version": facet(datasetVersion="7")})],
            run_facets={"custom": facet(said="doomed.j's run")},
            job_facets={"documentation": facet(description="doomed.j")},
        ),
        run_event(
            "COMPLETE",
            3,
            "second",
            job="kept.j",
            reads=[dataset("doomed.t", inputFacets={"dataQualityMetrics": facet(rowCount=5)}), "kept.in"],
            writes=[
                dataset(
                    "kept.t", facets={"schema": schema, "columnLineage": columns_from("doomed.t"), "lineage": declared}
                )
            ],
            run_facets={"parent": parent("first", "doomed.j")},
            job_facets={"lineage": facet(entries=[entry])},
        ),
        run_event(
            "COMPLETE",
            4,
            "third",
            job="after",
            reads=["kept.t"],
            writes=[dataset("doomed.t", facets={"columnLineage": columns_from("kept.t")})],
            job_facets={"lineage": facet(entries=[after])},
        ),
        job_event(5, job="doomed.j", writes=["kept.out"]),
        dataset_event(6, "doomed.t", documentation=facet(description="doomed.t")),
        dataset_event(7, "kept.t", documentation=facet(description="kept.t")),
    ]


OWN_WORDS = {
    # kept.j's own events and facets: its parent facet, and the entry of after's `lineage` facet.
    "doomed.j": {"read_lineage_events", "read_lineage_run_facets", "read_lineage_job_facets"},
    # The run events of those that wrote and read it, and the columnLineage and `lineage` facets of kept.t and kept.j.
    "doomed.t": {"read_lineage_events", "read_lineage_dataset_facets", "read_lineage_job_facets"},
}
"""Where the names of what is deleted stay, because others said them."""

DOOMED_JOB = Target.parse("job:jobs:doomed.j")
DOOMED_DATASET = Target.parse(f"dataset:{DB}:doomed.t")


async def delete_target(clickhouse: ClickHouse, tenant: str, target: Target) -> Found:
    found = await find(clickhouse, tenant, target)
    assert found is not None
    await delete(clickhouse, found)
    return found


async def views_that_name(clickhouse: ClickHouse, tenant: str, text: str) -> set[str]:
    """Return every view in whose rows a text stands."""
    names = await clickhouse.select(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'read_lineage%'"
    )
    assert len(names) >= len(PLACES)
    return {
        str(view["name"])
        for view in names
        if text
        in json.dumps(await clickhouse.select(f"SELECT * FROM {view['name']}(ns = {{ns:String}})", {"ns": tenant}))
    }


async def all_rows(clickhouse: ClickHouse, tenant: str) -> dict[str, Any]:
    """Return what each lineage view shows of a tenant, sorted."""
    shown = {}
    for table in PLACES:
        rows = await clickhouse.select(f"SELECT * FROM read_{table}(ns = {{ns:String}})", {"ns": tenant})
        shown[table] = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return shown


async def test_the_table_of_places_names_every_column_that_can_name_a_job_dataset_or_run(
    clickhouse: ClickHouse,
) -> None:
    columns = await clickhouse.select(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table IN"
        " (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name LIKE 'lineage_%')"
    )
    by_table: dict[str, dict[str, str]] = {}
    for column in columns:
        by_table.setdefault(column["table"], {})[column["name"]] = column["type"]
    assert set(by_table) == set(PLACES) == set(RETAINED_TABLES[Signal.LINEAGE])
    for table, types in by_table.items():
        named = {place.columns for place in PLACES[table] if len(place.columns) == 2}
        pairs = {
            (name, name.removesuffix("Namespace") + "Name")
            for name in types
            if name.endswith("Namespace") and name != "Namespace"
        }
        assert pairs <= named, table
        runs = {name for name in types if name.endswith("RunId")}
        has_job = any(place.kind == "job" for place in PLACES[table])
        assert has_job or runs <= {place.columns[0] for place in PLACES[table] if place.kind == "run"} | (
            # Which run wrote a version: it goes with the dataset and with the job.
            {"RunId"} if "JobName" in types else set()
        ), table
        tuples = {name for name, text in types.items() if re.search(r"Tuple\(.*String, String, String\)", text)}
        assert tuples == set(MENTIONS.get(table, {})), table


async def test_a_deleted_job_is_in_no_read_and_others_keep_only_what_they_sent_themselves(
    clickhouse: ClickHouse,
) -> None:
    tenant, other = fresh("deletion"), fresh("deletion")
    for one in (tenant, other):
        await insert_together(clickhouse, one, history())
    untouched = await all_rows(clickhouse, other)
    found = await delete_target(clickhouse, tenant, DOOMED_JOB)
    assert found.counts == {"runs": 1, "jobs": 1, "datasets": 0, "events": 3}
    assert await views_that_name(clickhouse, tenant, "doomed.j") == OWN_WORDS["doomed.j"]
    # Which run first had a schema is told by its id, which answers 404.
    assert await views_that_name(clickhouse, tenant, run_id("first")) == {
        "read_lineage_events",
        "read_lineage_run_facets",
        "read_lineage_schema_versions",
    }
    assert await run_by_id(clickhouse, tenant, run_id("first")) is None
    child, run = (
        await job_by_name(clickhouse, tenant, ("jobs", "kept.j")),
        await run_by_id(clickhouse, tenant, run_id("second")),
    )
    assert child is not None
    assert child.parent is None
    assert child.root is None
    assert run is not None
    assert run.parent is None
    assert run.root is None
    for as_of in (None, parse_event_time(at(5))):
        assert await lineage_graph(clickhouse, tenant, NodeId.parse("job:jobs:doomed.j"), 1, as_of) is None
        graph = await lineage_graph(clickhouse, tenant, NodeId.parse("job:jobs:kept.j"), 9, as_of)
        assert graph is not None
        assert "doomed.j" not in json.dumps(graph)
        assert f"dataset:{DB}:doomed.t" in json.dumps(graph), "a dataset outlives the job that wrote it"
    assert await find(clickhouse, tenant, DOOMED_JOB) is None
    assert await all_rows(clickhouse, other) == untouched


@pytest.mark.slow
async def test_a_deleted_dataset_is_in_no_read_and_others_keep_only_what_they_sent_themselves(
    clickhouse: ClickHouse,
) -> None:
    tenant, other = fresh("deletion"), fresh("deletion")
    for one in (tenant, other):
        await insert_together(clickhouse, one, history())
    untouched = await all_rows(clickhouse, other)
    found = await delete_target(clickhouse, tenant, DOOMED_DATASET)
    assert found.counts == {"runs": 0, "jobs": 0, "datasets": 1, "events": 1}
    assert await views_that_name(clickhouse, tenant, "doomed.t") == OWN_WORDS["doomed.t"]
    assert await dataset_by_name(clickhouse, tenant, (DB, "doomed.t")) is None
    column = ColumnNodeId.parse(f"dataset:{DB}:kept.t")
    for as_of in (None, parse_event_time(at(5))):
        assert await lineage_graph(clickhouse, tenant, NodeId.parse(f"dataset:{DB}:doomed.t"), 1, as_of) is None
        graph = await lineage_graph(clickhouse, tenant, NodeId.parse("job:jobs:kept.j"), 9, as_of)
        assert graph is not None
        assert "doomed.t" not in json.dumps(graph)
        columns = await column_lineage(clickhouse, tenant, column, 5, with_downstream=True, as_of=as_of)
        assert "doomed.t" not in json.dumps(columns)
    for run in ("first", "second", "third"):
        read = await run_by_id(clickhouse, tenant, run_id(run))
        assert read is not None
        assert "doomed.t" not in [one.name for one in (*read.inputs, *read.outputs)]
    assert await all_rows(clickhouse, other) == untouched


@pytest.mark.parametrize("target", [DOOMED_JOB, DOOMED_DATASET], ids=lambda one: one.kind)
async def test_a_name_that_is_sent_again_comes_back_with_what_was_sent_afterwards_only(
    clickhouse: ClickHouse, target: Target
) -> None:
    tenant = fresh("deletion")
    await insert_together(clickhouse, tenant, history())
    await delete_target(clickhouse, tenant, target)
    await insert_events(clickhouse, tenant, [run_event("COMPLETE", 9, "fourth", job="doomed.j", writes=["doomed.t"])])
    found = await find(clickhouse, tenant, target)
    assert found is not None
    wanted = {"job": (1, 1, 0, 1), "dataset": (0, 0, 1, 0)}
    assert tuple(found.counts.values()) == wanted[target.kind]
    if target.kind == "dataset":
        again = await dataset_by_name(clickhouse, tenant, (DB, "doomed.t"))
        assert again is not None
        assert (again.facets, again.schemas, [version.runId for version in again.versions]) == (
            {},
            [],
            [run_id("fourth")],
        )
    else:
        job = await job_by_name(clickhouse, tenant, ("jobs", "doomed.j"))
        assert job is not None
        assert (job.facets, job.children, job.createdAt[:19]) == ({}, [], at(9)[:19])
        assert (
            await lineage_graph(clickhouse, tenant, NodeId.parse("job:jobs:doomed.j"), 1, parse_event_time(at(8)))
            is None
        )


@pytest.mark.slow
async def test_a_dataset_goes_under_all_of_its_names_whichever_is_asked_for(clickhouse: ClickHouse) -> None:
    alias = facet(identifiers=[{"namespace": "hive://h", "name": "db.t", "type": "TABLE"}])
    events = [
        run_event("COMPLETE", 1, "write", job="write", writes=[dataset("path/t", "s3://b")]),
        run_event("COMPLETE", 2, "read", job="read", reads=[dataset("db.t", "hive://h")], writes=["kept.t"]),
        dataset_event(3, "path/t", "s3://b", symlinks=alias),
    ]
    for node_id in ("dataset:hive://h:db.t", "namespace:hive://h"):
        tenant = fresh("deletion")
        await insert_together(clickhouse, tenant, events)
        found = await delete_target(clickhouse, tenant, Target.parse(node_id))
        assert (found.counts["datasets"], found.counts["events"]) == (2, 1), node_id
        for text in ("db.t", "path/t"):
            assert await views_that_name(clickhouse, tenant, text) == {"read_lineage_events"}, node_id
        assert await dataset_by_name(clickhouse, tenant, (DB, "kept.t")) is not None
        # The names are united no more: each comes back alone.
        await insert_events(clickhouse, tenant, [dataset_event(9, "db.t", "hive://h")])
        again = await dataset_by_name(clickhouse, tenant, ("hive://h", "db.t"))
        assert again is not None
        assert again.aliases == []
        assert await dataset_by_name(clickhouse, tenant, ("s3://b", "path/t")) is None


@pytest.mark.slow
async def test_a_namespace_goes_with_its_jobs_and_their_runs_and_leaves_the_others(clickhouse: ClickHouse) -> None:
    tenant = fresh("deletion")
    stranger = run_event(
        "COMPLETE", 8, "fifth", job="elsewhere", reads=["kept.t"], run_facets={"parent": parent("first", "doomed.j")}
    )
    stranger["job"]["namespace"] = "others"
    await insert_together(clickhouse, tenant, [*history(), stranger])
    found = await delete_target(clickhouse, tenant, Target.parse("namespace:jobs"))
    assert found.counts == {"runs": 3, "jobs": 3, "datasets": 0, "events": 5}
    assert await views_that_name(clickhouse, tenant, '"jobs"') == set()
    assert await views_that_name(clickhouse, tenant, "doomed.j") == {"read_lineage_events", "read_lineage_run_facets"}
    job = await job_by_name(clickhouse, tenant, ("others", "elsewhere"))
    assert job is not None
    assert job.parent is None
    await delete_target(clickhouse, tenant, Target.parse(f"namespace:{DB}"))
    assert await views_that_name(clickhouse, tenant, "kept.t") == {"read_lineage_events"}


@pytest.mark.parametrize(
    ("target", "text"), [(DOOMED_JOB, "doomed.j"), pytest.param(DOOMED_DATASET, "doomed.t", marks=pytest.mark.slow)]
)
async def test_a_deletion_that_dies_after_each_table_is_finished_by_repeating_it(
    clickhouse: ClickHouse, target: Target, text: str
) -> None:
    tenant = fresh("deletion")
    await insert_together(clickhouse, tenant, history())
    deleted: list[str] = []

    class _Crash(Exception):
        pass

    def crash_at_the_second(table: str) -> None:
        if begun:
            raise _Crash
        begun.append(table)

    while (found := await find(clickhouse, tenant, target)) is not None:
        begun: list[str] = []
        with contextlib.suppress(_Crash):
            await delete(clickhouse, found, crash_at_the_second)
        deleted += begun
    assert len(deleted) == len(set(deleted)) > 8
    assert await views_that_name(clickhouse, tenant, text) == OWN_WORDS[text]


@pytest.mark.slow
async def test_deleted_rows_leave_the_disk_and_a_batch_that_is_delivered_again_brings_nothing_back(
    clickhouse: ClickHouse,
) -> None:
    tenant, token = fresh("deletion"), uuid.uuid4().hex
    body = b"".join(landing_row(tenant, json.dumps(event).encode(), uuid.uuid4().hex) for event in history())
    await clickhouse.insert(LINEAGE_EVENTS_IN.name, "Protobuf", body, insert_settings(LINEAGE_EVENTS_IN, token))
    for node_id in ("namespace:jobs", f"namespace:{DB}"):
        await delete_target(clickhouse, tenant, Target.parse(node_id))
    await clickhouse.insert(LINEAGE_EVENTS_IN.name, "Protobuf", body, insert_settings(LINEAGE_EVENTS_IN, token))

    async def is_gone_from_disk() -> bool:
        return await masked_rows(clickhouse, tenant) == 0

    await wait_until_async(is_gone_from_disk, 30, "the masked rows to leave the disk")
    assert {table: rows for table, rows in (await all_rows(clickhouse, tenant)).items() if rows} == {}


async def masked_rows(clickhouse: ClickHouse, tenant: str) -> int:
    """Return how many rows of a tenant are on disk, shown or not."""
    counts = " UNION ALL ".join(
        f"SELECT count() AS n FROM {table} WHERE Namespace = {{ns:String}}"
        for tables in RETAINED_TABLES.values()
        for table in tables
    )
    rows = await clickhouse.select(
        f"SELECT sum(n) AS n FROM ({counts}) SETTINGS apply_deleted_mask = 0", {"ns": tenant}
    )
    return int(rows[0]["n"])


async def test_all_that_a_tenant_has_goes_from_every_table_and_nothing_of_anothers(clickhouse: ClickHouse) -> None:
    tenant, other = fresh("deletion"), fresh("deletion")
    tables = [table for tables in RETAINED_TABLES.values() for table in tables]
    for table in tables:
        for one in (tenant, other):
            await clickhouse.execute(
                f"INSERT INTO {table} (Namespace, ReceivedAt, RetentionDays) VALUES ({{ns:String}}, now64(3), 30)",
                {"ns": one},
            )
    told: list[str] = []
    assert await delete_tenant(clickhouse, tenant, told.append) == dict.fromkeys(tables, 1)
    assert sorted(told) == sorted(tables)
    assert await delete_tenant(clickhouse, tenant) == {}

    async def is_gone_from_disk() -> bool:
        return await masked_rows(clickhouse, tenant) == 0

    await wait_until_async(is_gone_from_disk, 30, "the masked rows to leave the disk")
    assert await masked_rows(clickhouse, other) == len(tables)


async def test_a_tenants_dead_letters_and_decisions_go_with_it_and_nothing_of_anothers(clickhouse: ClickHouse) -> None:
    tenant, other = fresh("deletion"), fresh("deletion")
    for one in (tenant, other):
        for table, time, days in (
            ("dead_letters", "DiedAt", "RetentionDays"),
            ("dead_letter_decisions", "DecidedAt", "KeptDays"),
        ):
            await clickhouse.execute(
                f"INSERT INTO {table} (Namespace, {time}, {days}) VALUES ({{ns:String}}, now64(3), 30)", {"ns": one}
            )
    assert await delete_tenant(clickhouse, tenant) == {"dead_letters": 1, "dead_letter_decisions": 1}
    assert await delete_tenant(clickhouse, tenant) == {}
    assert await delete_tenant(clickhouse, other) == {"dead_letters": 1, "dead_letter_decisions": 1}


async def test_names_with_quotes_and_colons_are_values_and_never_part_of_the_statement(clickhouse: ClickHouse) -> None:
    tenant, name = fresh("deletion"), "o'hara\\:x' OR 1 = 1 --"
    await insert_together(clickhouse, tenant, [run_event("COMPLETE", 1, "odd", job=name, writes=[name]), *history()])
    before = await find(clickhouse, tenant, DOOMED_JOB)
    for node_id in (f"job:jobs:{name}", f"dataset:{DB}:{name}"):
        found = await delete_target(clickhouse, tenant, Target.parse(node_id))
        assert found.name == name
        assert await find(clickhouse, tenant, Target.parse(node_id)) is None
    assert await find(clickhouse, tenant, DOOMED_JOB) == before


async def test_what_no_event_named_is_not_found(clickhouse: ClickHouse) -> None:
    tenant = fresh("deletion")
    await insert_together(clickhouse, tenant, history())
    for node_id in ("job:jobs:nobody", f"dataset:{DB}:nothing", "namespace:nowhere", "job:others:doomed.j"):
        assert await find(clickhouse, tenant, Target.parse(node_id)) is None
    assert await find(clickhouse, fresh("deletion"), DOOMED_JOB) is None
