"""Every route answers exactly what Marquez's models serialise: keys, nulls, types and values, on a small history."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.hub.web.marquez import expected
from tests.hub.web.marquez.conftest import read
from tests.hub.web.marquez.history import (
    AUDIT,
    AUDIT_RUN,
    COUNTRY,
    FIRST_LOAD,
    LOAD,
    ORDERS,
    ORDERS_ALIAS,
    PLANNED,
    RAW,
    REPORT_RUN,
    SECOND_LOAD,
    events,
    facet,
    run_event,
    store,
)
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")


def path_of(thing: dict[str, Any], kind: str, more: str = "") -> str:
    """Return the path of a job or dataset, encoded as Marquez's page encodes it."""
    return f"/namespaces/{quote(thing['namespace'], safe='')}/{kind}/{quote(thing['name'], safe='')}{more}"


def node(text: str) -> str:
    """Return a node id for a query."""
    return quote(text, safe=":")


async def test_namespaces(marquez: RunningWeb) -> None:
    eu = expected.namespace("prod/eu", "2024-03-01T10:00:00Z", "2024-03-01T13:00:00Z")
    document = await read(marquez, "/namespaces")
    assert document.keys() == {"namespaces"}
    assert [item["name"] for item in document["namespaces"]] == [
        "hive://metastore",
        "plans",
        "postgres://db:5432",
        "prod/eu",
        "s3://lake",
    ]
    assert document["namespaces"][3] == eu
    assert await read(marquez, "/namespaces/prod%2Feu") == eu


async def test_a_job(marquez: RunningWeb) -> None:
    assert await read(marquez, path_of(LOAD, "jobs")) == expected.LOAD_JOB
    assert await read(marquez, path_of(AUDIT, "jobs")) == expected.AUDIT_JOB
    planned = await read(marquez, path_of(PLANNED, "jobs"))
    assert planned["latestRun"] is None
    assert planned["latestRuns"] is None
    assert UUID(planned["currentVersion"]).version == 5


async def test_jobs(marquez: RunningWeb) -> None:
    document = await read(marquez, "/jobs")
    assert document.keys() == {"jobs", "totalCount"}
    assert document["totalCount"] == 4
    assert [job["name"] for job in document["jobs"]] == ["audit", "report", LOAD["name"], "planned"]
    assert document["jobs"][0] == expected.AUDIT_JOB
    assert document["jobs"][2] == expected.LOAD_JOB


async def test_job_versions(marquez: RunningWeb) -> None:
    assert await read(marquez, path_of(LOAD, "jobs", "/versions")) == {"versions": [expected.LOAD_JOB_VERSION]}
    one = await read(marquez, path_of(LOAD, "jobs", f"/versions/{expected.LOAD_VERSION}"))
    assert one == expected.LOAD_JOB_VERSION
    (planned,) = (await read(marquez, path_of(PLANNED, "jobs", "/versions")))["versions"]
    assert planned["latestRun"] is None
    assert await read(marquez, path_of(AUDIT, "jobs", "/versions")) == {"versions": []}


async def test_runs(marquez: RunningWeb) -> None:
    document = await read(marquez, path_of(LOAD, "jobs", "/runs"))
    assert document == {"runs": [expected.SECOND_LOADS_RUN, expected.FIRST_LOADS_RUN], "totalCount": 2}
    assert await read(marquez, f"/jobs/runs/{SECOND_LOAD}") == expected.SECOND_LOADS_RUN
    assert await read(marquez, f"/jobs/runs/{FIRST_LOAD.upper()}") == expected.FIRST_LOADS_RUN
    assert await read(marquez, f"/jobs/runs/{REPORT_RUN}") == expected.REPORTS_RUN
    assert await read(marquez, f"/jobs/runs/{AUDIT_RUN}") == expected.AUDITS_RUN


async def test_facets_of_a_run_and_of_its_job(marquez: RunningWeb) -> None:
    of_run = await read(marquez, f"/jobs/runs/{SECOND_LOAD}/facets?type=run")
    assert of_run == {"runId": SECOND_LOAD, "facets": expected.SECOND_LOADS_RUN["facets"]}
    of_job = await read(marquez, f"/jobs/runs/{SECOND_LOAD}/facets?type=JOB")
    assert of_job == {"runId": SECOND_LOAD, "facets": expected.LOAD_JOB_FACETS}
    assert await read(marquez, f"/jobs/runs/{AUDIT_RUN}/facets?type=job") == {"runId": AUDIT_RUN, "facets": {}}


async def test_a_dataset_by_each_of_its_names(marquez: RunningWeb) -> None:
    assert await read(marquez, path_of(ORDERS, "datasets")) == expected.ORDERS_DATASET
    assert await read(marquez, path_of(ORDERS_ALIAS, "datasets")) == expected.ORDERS_DATASET
    assert await read(marquez, path_of(COUNTRY, "datasets")) == expected.COUNTRY_DATASET
    raw = await read(marquez, path_of(RAW, "datasets"))
    assert set(raw["facets"]) == {"schema", "dataQualityAssertions"}, "Marquez shows facets of the input, too"


async def test_datasets(marquez: RunningWeb) -> None:
    document = await read(marquez, "/namespaces/postgres%3A%2F%2Fdb%3A5432/datasets")
    assert document.keys() == {"datasets", "totalCount"}
    assert document["totalCount"] == 3
    assert [dataset["name"] for dataset in document["datasets"]] == [
        "dim.country",
        ORDERS["name"],
        "shop.public.report",
    ]
    assert document["datasets"][:2] == [expected.COUNTRY_DATASET, expected.ORDERS_DATASET]
    # The other name of a dataset is no dataset of its own.
    assert await read(marquez, "/namespaces/hive%3A%2F%2Fmetastore/datasets") == {"datasets": [], "totalCount": 0}


async def test_dataset_versions(marquez: RunningWeb) -> None:
    document = await read(marquez, path_of(ORDERS, "datasets", "/versions"))
    schemas = [version["currentSchemaVersion"] for version in document["versions"]]
    assert len({UUID(schema) for schema in schemas}) == 2
    wanted = [
        {**version, "currentSchemaVersion": schema}
        for version, schema in zip(expected.ORDERS_VERSIONS, schemas, strict=True)
    ]
    assert document == {"versions": wanted, "totalCount": 2}
    for version in wanted:
        assert await read(marquez, path_of(ORDERS, "datasets", f"/versions/{version['version']}")) == version


async def test_a_dataset_that_no_run_wrote_has_one_version(marquez: RunningWeb) -> None:
    document = await read(marquez, path_of(COUNTRY, "datasets", "/versions"))
    (version,) = document["versions"]
    assert document["totalCount"] == 1
    assert version == expected.dataset_version(
        expected.COUNTRY_DATASET,
        expected.COUNTRY_VERSION,
        createdAt="2024-03-01T09:00:00Z",
        fields=expected.COUNTRY_FIELDS,
        lifecycleState="DROP",
        currentSchemaVersion=version["currentSchemaVersion"],
        createdByRun=None,
        facets=expected.COUNTRY_DATASET["facets"],
    )
    assert await read(marquez, path_of(COUNTRY, "datasets", f"/versions/{expected.COUNTRY_VERSION}")) == version


async def test_sources_and_tags(marquez: RunningWeb) -> None:
    assert await read(marquez, "/sources") == {"sources": expected.SOURCES}
    assert await read(marquez, "/sources/orders-db") == expected.SOURCES[1]
    names = ("money", "nightly", "pii")
    assert await read(marquez, "/tags") == {"tags": [{"name": name, "description": None} for name in names]}


async def test_the_graph_around_a_job(marquez: RunningWeb) -> None:
    document = await read(marquez, f"/lineage?nodeId={node(expected.LOAD_ID)}&depth=0")
    assert document.keys() == {"graph"}
    nodes = {item["id"]: item for item in document["graph"]}
    assert list(nodes) == sorted(nodes)
    assert set(nodes) == {expected.LOAD_ID, expected.RAW_ID, expected.ORDERS_ID}
    assert nodes[expected.LOAD_ID] == expected.LOAD_NODE
    assert nodes[expected.ORDERS_ID] == expected.ORDERS_NODE


async def test_depth_counts_jobs_and_a_job_never_lacks_its_datasets(marquez: RunningWeb) -> None:
    async def ids(depth: int, start: str = expected.LOAD_ID) -> set[str]:
        document = await read(marquez, f"/lineage?nodeId={node(start)}&depth={depth}")
        ids = {item["id"] for item in document["graph"]}
        for item in document["graph"]:
            if item["type"] == "JOB":
                datasets = [*item["data"]["inputs"], *item["data"]["outputs"]]
                assert {f"dataset:{name['namespace']}:{name['name']}" for name in datasets} <= ids
        return ids

    first = {expected.LOAD_ID, expected.RAW_ID, expected.ORDERS_ID}
    second = first | {expected.REPORT_ID, expected.SUMMARY_ID}
    third = second | {expected.PLANNED_ID, expected.AUDIT_ID}
    assert [await ids(depth) for depth in (0, 1, 2, 20)] == [first, second, third, third]
    assert await ids(0, expected.ORDERS_ID) == second


async def test_a_job_that_never_ran_has_a_node(marquez: RunningWeb) -> None:
    document = await read(marquez, f"/lineage?nodeId={expected.PLANNED_ID}&depth=0")
    (planned,) = [item for item in document["graph"] if item["type"] == "JOB"]
    assert planned["data"] == expected.PLANNED_NODE_DATA


async def test_the_graph_of_columns(marquez: RunningWeb) -> None:
    document = await read(marquez, f"/column-lineage?nodeId={node(expected.AMOUNT_ID)}")
    assert document == {"graph": [expected.AMOUNT_NODE, expected.PRICE_NODE]}
    both = await read(marquez, f"/column-lineage?nodeId={node(expected.AMOUNT_ID)}&withDownstream=true")
    down = {"origin": expected.AMOUNT_ID, "destination": expected.TOTAL_ID}
    assert [item["id"] for item in both["graph"]] == [expected.AMOUNT_ID, expected.TOTAL_ID, expected.PRICE_ID]
    assert both["graph"][0] == {**expected.AMOUNT_NODE, "outEdges": [down]}


async def test_columns_of_a_dataset_of_a_job_and_downstream_of_a_source(marquez: RunningWeb) -> None:
    async def ids(query: str) -> set[str]:
        return {item["id"] for item in (await read(marquez, f"/column-lineage?nodeId={query}"))["graph"]}

    written = {expected.column_id(ORDERS, "id"), expected.AMOUNT_ID}
    read_from = {expected.column_id(RAW, "id"), expected.PRICE_ID}
    assert await ids(node(expected.ORDERS_ID)) == written | read_from
    assert await ids(node(expected.LOAD_ID)) == written | read_from
    assert await ids(node(expected.RAW_ID)) == set()
    assert await ids(f"{node(expected.PRICE_ID)}&withDownstream=true&depth=1") == {
        expected.PRICE_ID,
        expected.AMOUNT_ID,
    }
    assert expected.TOTAL_ID in await ids(f"{node(expected.PRICE_ID)}&withDownstream=true&depth=2")


async def test_columns_as_of_a_version(marquez: RunningWeb) -> None:
    query = f"{node(expected.AMOUNT_ID)}%23{expected.ORDERS_VERSION}"
    amount, price = (await read(marquez, f"/column-lineage?nodeId={query}"))["graph"]
    assert amount["id"] == f"{expected.AMOUNT_ID}#{expected.ORDERS_VERSION}"
    assert price["id"] == f"{expected.PRICE_ID}#{expected.RAW_VERSION}"
    assert amount["inEdges"] == [{"origin": amount["id"], "destination": price["id"]}]
    # The first version came without columns.
    query = f"{node(expected.ORDERS_ID)}%23{expected.FIRST_ORDERS_VERSION}"
    assert await read(marquez, f"/column-lineage?nodeId={query}") == {"graph": []}


async def test_runs_upstream(marquez: RunningWeb) -> None:
    assert await read(marquez, f"/runlineage/upstream?runId={REPORT_RUN}") == {"runs": expected.UPSTREAM}
    assert await read(marquez, f"/runlineage/upstream?runId={REPORT_RUN}&depth=0") == {"runs": expected.UPSTREAM[:1]}


async def test_events_are_run_events_as_they_came(marquez: RunningWeb) -> None:
    document = await read(marquez, "/events/lineage")
    sent = [event for event in events() if "run" in event]
    assert document == {"events": sent[::-1], "totalCount": len(sent)}


async def test_search(marquez: RunningWeb) -> None:
    assert await read(marquez, "/search?q=ORDERS&filter=DATASET&sort=UPDATE_AT") == {
        "totalCount": 2,
        "results": [
            {
                "type": "DATASET",
                "name": ORDERS["name"],
                "updatedAt": "2024-03-01T12:00:10Z",
                "namespace": ORDERS["namespace"],
                "nodeId": expected.ORDERS_ID,
            },
            {
                "type": "DATASET",
                "name": RAW["name"],
                "updatedAt": "2024-03-01T11:00:00Z",
                "namespace": RAW["namespace"],
                "nodeId": expected.RAW_ID,
            },
        ],
    }


async def test_full_text_search(marquez: RunningWeb) -> None:
    api = "/marquez/api/v2beta"
    jobs = await read(marquez, "/search/jobs?q=insert%20into", api=api)
    assert jobs == {
        "hits": [
            {
                "run_id": SECOND_LOAD,
                "eventType": "COMPLETE",
                "name": LOAD["name"],
                "type": "BATCH",
                "namespace": LOAD["namespace"],
                "facets": expected.LOAD_JOB_FACETS,
                "runFacets": expected.SECOND_LOADS_RUN["facets"],
            }
        ],
        "highlights": [{"facets.sql.query": ["<em>INSERT INTO</em> orders SELECT * FROM raw"]}],
    }
    datasets = await read(marquez, "/search/datasets?q=price", api=api)
    assert [hit["name"] for hit in datasets["hits"]] == [RAW["name"]]
    assert datasets["hits"][0].keys() == {
        "run_id",
        "eventType",
        "name",
        "inputFacets",
        "outputFacets",
        "namespace",
        "facets",
    }
    assert datasets["highlights"] == [{"facets.schema.fields.name": ["<em>price</em>"]}]


async def test_counts_of_a_day_and_of_a_week(marquez: RunningWeb) -> None:
    """On events of now, of a tenant of its own: the bars end with this hour, and with this day where it is."""
    before = datetime.now(UTC)
    at = before.isoformat().replace("+00:00", "Z")
    run_ids = [f"01900000-0000-7000-8000-0000000000{number:02x}" for number in range(4)]
    kinds = ("START", "COMPLETE", "FAIL", "ABORT")
    await store(
        marquez.parts.clickhouse,
        "team-b",
        [run_event(kind, at, run_id, AUDIT, [], []) for kind, run_id in zip(kinds, run_ids, strict=True)],
    )
    hours = await read(marquez, "/stats/lineage-events?period=DAY", role="stranger")
    assert len(hours) == 24
    assert sum(hours[-1 if hours[-1]["start"] else -2][kind.lower()] for kind in kinds) == 4
    for bar, following in pairwise(hours):
        assert bar.keys() == {"startInterval", "endInterval", "fail", "start", "complete", "abort"}
        assert bar["endInterval"] == following["startInterval"]
    days = await read(marquez, "/stats/lineage-events?period=week&timezone=Pacific/Kiritimati", role="stranger")
    assert len(days) == 7
    assert all(bar["startInterval"].endswith("T00:00:00Z") for bar in days)
    assert sum(bar[kind.lower()] for bar in days for kind in kinds) == 4
    jobs = (await read(marquez, "/jobs", role="stranger"))["totalCount"]
    for counted, total in (("jobs", jobs), ("sources", 1), ("datasets", None)):
        bars = await read(marquez, f"/stats/{counted}?period=WEEK&timezone=Asia/Kathmandu", role="stranger")
        assert [bar.keys() for bar in bars] == [{"startInterval", "endInterval", "count"}] * 7
        assert bars[-1]["count"] >= 2 if total is None else bars[-1]["count"] == total
        assert [bar["count"] for bar in bars] == sorted(bar["count"] for bar in bars)


async def test_documents_are_json(marquez: RunningWeb) -> None:
    async with marquez.client.get("/marquez/api/v1/jobs", headers=marquez.headers("reader")) as answer:
        assert answer.content_type == "application/json"
        json.loads(await answer.text())


async def test_lists_leave_large_facets_out_and_what_they_read_one_by_one_does_not(marquez: RunningWeb) -> None:
    large, small = facet("LargeRunFacet", text="x" * 5_000), facet("SmallRunFacet", text="x")
    documentation = facet("DocumentationJobFacet", description="y" * 5_000)
    job = {"namespace": "large", "name": "job", "facets": {"documentation": documentation, "large": large}}
    run_id = "01900000-0000-7000-8000-0000000000cc"
    told = run_event("COMPLETE", "2024-03-03T00:00:00Z", run_id, job, [], [], large=large, small=small)
    await store(marquez.parts.clickhouse, "team-b", [told])
    (listed,) = (await read(marquez, "/namespaces/large/jobs", role="stranger"))["jobs"]
    assert listed["latestRun"]["facets"] == {"small": small}
    assert listed["facets"] == {"documentation": documentation}
    assert listed["description"] == "y" * 5_000
    assert (await read(marquez, f"/jobs/runs/{run_id}", role="stranger"))["facets"] == {"large": large, "small": small}
    one = await read(marquez, "/namespaces/large/jobs/job", role="stranger")
    assert one["facets"] == {"documentation": documentation, "large": large}
