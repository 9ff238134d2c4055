"""Versions in Marquez's reads: which one a run read, and that no answer depends on the order of arrival."""

from __future__ import annotations

from typing import Any

import orjson

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.marquez.dataset_versions import dataset_versions_page
from lineagehub.store.queries.marquez.datasets import datasets_page
from lineagehub.store.queries.marquez.graph import marquez_graph
from lineagehub.store.queries.marquez.jobs import job_by_name, job_versions, jobs_page
from lineagehub.store.queries.marquez.run_lineage import upstream_runs
from lineagehub.store.queries.marquez.tenant import open_tenant
from lineagehub.store.queries.node_ids import NodeId
from tests.hub.store.conftest import insert_events
from tests.support.lineage_samples import dataset, facet, fresh, job_event, run_event, run_id


async def written_by(clickhouse: ClickHouse, tenant: str, run: str) -> dict[str, str | None]:
    """Return which run wrote each input of a run."""
    runs = await upstream_runs(await open_tenant(clickhouse, tenant), run_id(run), 0)
    assert runs is not None
    return {item["name"]: item["producedByRunId"] for item in runs[0]["inputs"]}


async def test_a_run_that_reads_what_it_writes_has_read_what_was_there_before(clickhouse: ClickHouse) -> None:
    told = fresh("merge")
    await insert_events(
        clickhouse,
        told,
        [
            run_event("COMPLETE", 1, "first", writes=["t"]),
            run_event("START", 2, "second", reads=["t"], writes=["t"]),
            run_event("COMPLETE", 3, "second", reads=["t"], writes=["t"]),
        ],
    )
    assert await written_by(clickhouse, told, "second") == {"t": run_id("first")}


async def test_what_is_written_while_a_run_reads_is_not_what_it_read(clickhouse: ClickHouse) -> None:
    told = fresh("later")
    await insert_events(
        clickhouse,
        told,
        [
            run_event("COMPLETE", 1, "first", writes=["t"]),
            run_event("START", 2, "reader", job="reader", reads=["t", "u"]),
            run_event("COMPLETE", 3, "second", writes=["t"]),
            run_event("COMPLETE", 4, "reader", job="reader", reads=["t", "u"]),
        ],
    )
    assert await written_by(clickhouse, told, "reader") == {"t": run_id("first"), "u": None}


async def test_a_version_written_under_any_name_is_found_under_any_other(clickhouse: ClickHouse) -> None:
    told = fresh("names")
    names = [
        {"namespace": "z://", "name": "other", "type": "TABLE"},
        {"namespace": "a://", "name": "third", "type": "TABLE"},
    ]
    symlinks = {"symlinks": facet(identifiers=names)}
    await insert_events(
        clickhouse,
        told,
        [
            run_event("COMPLETE", 1, "first", writes=[dataset("other", "z://")]),
            run_event("COMPLETE", 2, "reader", job="reader", reads=[dataset("third", "a://")]),
            run_event("COMPLETE", 3, "late", job="late", writes=[dataset("t", facets=symlinks)]),
        ],
    )
    assert list((await written_by(clickhouse, told, "reader")).values()) == [run_id("first")]


async def test_a_job_event_makes_a_version_and_no_run(clickhouse: ClickHouse) -> None:
    told = fresh("job-event")
    await insert_events(
        clickhouse,
        told,
        [
            job_event(1, reads=["a"], writes=["b"]),
            job_event(2, reads=["a", "c"], writes=["b"]),
            run_event("COMPLETE", 3, "r", reads=["a"], writes=["b"]),
        ],
    )
    versions = await job_versions(await open_tenant(clickhouse, told), ("jobs", "load"))
    assert [([name["name"] for name in item["inputs"]], item["latestRun"]) for item in versions] == [
        (["a"], run_id("r")),
        (["a", "c"], ""),
    ]
    job = await job_by_name(await open_tenant(clickhouse, told), ("jobs", "load"))
    assert job is not None
    assert job["currentVersion"] == versions[0]["version"]


async def test_no_answer_depends_on_the_order_of_arrival_or_on_repetition(clickhouse: ClickHouse) -> None:
    events = [
        job_event(0, job="planned", reads=["a"]),
        run_event(
            "START", 1, "r1", reads=["a"], writes=[dataset("b", facets={"schema": facet(fields=[{"name": "x"}])})]
        ),
        run_event("FAIL", 2, "r1", reads=["a"], writes=["b"]),
        run_event("START", 3, "r2", reads=["a"]),
        run_event("COMPLETE", 4, "r2", writes=[dataset("b", facets={"schema": facet(fields=[{"name": "y"}])})]),
        run_event("COMPLETE", 5, "r3", job="report", reads=["b"], writes=["c"]),
    ]
    answers = [
        await _answers(clickhouse, fresh("order"), told)
        for told in (events, events[::-1], events[::2] + events + events[1::2])
    ]
    assert answers[0] == answers[1] == answers[2]


async def _answers(clickhouse: ClickHouse, told: str, events: list[dict[str, Any]]) -> list[bytes]:
    ids = [run_id(orjson.dumps(event).decode()).replace("-", "") for event in events]
    await insert_events(clickhouse, told, events, ids)
    tenant = await open_tenant(clickhouse, told)
    return [
        orjson.dumps(answer)
        for answer in (
            await jobs_page(tenant, None, [], 100, 0),
            await datasets_page(tenant, "db://h:1", 100, 0),
            await dataset_versions_page(tenant, ("db://h:1", "b"), 100, 0),
            await job_versions(tenant, ("jobs", "load")),
            await marquez_graph(tenant, NodeId.parse("job:jobs:load"), 5),
            await upstream_runs(tenant, run_id("r3"), 5),
        )
    ]
