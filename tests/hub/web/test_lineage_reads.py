"""The lineage reads over HTTP: graph, columns, impact and search, each in its documented shape, inside the caller's namespace."""

from __future__ import annotations

import csv
import io
import json

import pytest
import pytest_asyncio

from lineagehub.store.landing import LINEAGE_EVENTS_IN
from lineagehub.store.queries.column_lineage import ColumnLineage
from lineagehub.store.queries.graph import LineageGraph
from lineagehub.store.queries.impact import Impact, ImpactRow
from tests.hub.web.reading import all_pages, get, items, store
from tests.hub.web.running import RunningWeb
from tests.support.lineage_samples import at, dataset, facet, run_event, run_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORMULA = '=HYPERLINK("http://x","y")'
COLUMNS = facet(fields={"n": {"inputFields": [{**dataset("a"), "field": "x"}]}})
EVENTS = [
    run_event("START", 1, "r1", reads=["a", "old"]),
    run_event("COMPLETE", 2, "r1", writes=[dataset("b", facets={"columnLineage": COLUMNS})]),
    run_event("COMPLETE", 4, "r2", reads=["a"], writes=["b"], run_facets={"errorMessage": facet(message="none")}),
    run_event("COMPLETE", 5, "r3", job="report, weekly", reads=["b"], writes=[FORMULA]),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """A web whose ClickHouse holds two jobs and four datasets, in team-a."""
    values = [json.dumps(event).encode() for event in EVENTS]
    await store(reading_web.parts.clickhouse, LINEAGE_EVENTS_IN, values)
    return reading_web


async def test_the_graph_is_what_its_description_says_now_and_as_of_a_time(reads: RunningWeb) -> None:
    status, answer = await get(reads, "/api/v1/lineage", nodeId="dataset:db://h:1:b")
    assert status == 200, answer
    graph = LineageGraph.model_validate(answer)
    assert [node.id for node in graph.graph] == [
        f"dataset:db://h:1:{FORMULA}",
        "dataset:db://h:1:a",
        "dataset:db://h:1:b",
        "job:jobs:load",
        "job:jobs:report, weekly",
    ]
    assert not graph.truncated
    status, answer = await get(reads, "/api/v1/lineage", nodeId="dataset:db://h:1:b", asOf=at(3))
    assert status == 200, answer
    then = LineageGraph.model_validate(answer)
    assert [node.id for node in then.graph] == [
        "dataset:db://h:1:a",
        "dataset:db://h:1:b",
        "dataset:db://h:1:old",
        "job:jobs:load",
    ]
    status, _ = await get(reads, "/api/v1/lineage", nodeId="dataset:db://h:1:b", asOf="0001-01-01T00:00:00Z")
    assert status == 404


async def test_columns_go_up_and_on_request_down(reads: RunningWeb) -> None:
    node, origin = "datasetField:db://h:1:b:n", "datasetField:db://h:1:a:x"
    status, answer = await get(reads, "/api/v1/column-lineage", nodeId=node)
    assert status == 200, answer
    assert [one.id for one in ColumnLineage.model_validate(answer).graph] == [origin, node]
    status, answer = await get(reads, "/api/v1/column-lineage", nodeId=origin)
    assert [one["id"] for one in answer["graph"]] == [origin]
    status, answer = await get(reads, "/api/v1/column-lineage", nodeId=origin, withDownstream="true")
    assert [one["id"] for one in answer["graph"]] == [origin, node]


async def test_impact_is_rows_in_json_and_in_csv(reads: RunningWeb) -> None:
    status, answer = await get(reads, "/api/v1/impact", nodeId="job:jobs:load")
    assert status == 200, answer
    rows = Impact.model_validate(answer).rows
    assert [(row.nodeId, row.distance) for row in rows] == [
        ("dataset:db://h:1:b", 1),
        ("job:jobs:report, weekly", 2),
        (f"dataset:db://h:1:{FORMULA}", 3),
    ]
    assert rows[-1].viaRun == run_id("r3")
    for query, accept in (({"format": "csv"}, "*/*"), ({}, "text/csv")):
        headers = reads.headers("reader") | {"Accept": accept}
        parameters = {"nodeId": "job:jobs:load", **query}
        async with reads.client.get("/api/v1/impact", params=parameters, headers=headers) as answer_csv:
            assert (answer_csv.status, answer_csv.content_type) == (200, "text/csv")
            assert answer_csv.headers["LineageHub-Truncated"] == "false"
            text = await answer_csv.text()
        assert text.count("\r\n") == len(rows) + 1
        table = list(csv.DictReader(io.StringIO(text, newline="")))
        assert list(table[0]) == list(ImpactRow.model_fields)
        assert [row["name"] for row in table] == ["b", "report, weekly", f"'{FORMULA}"]


async def test_search_comes_in_pages_and_a_cursor_fits_its_own_search_only(reads: RunningWeb) -> None:
    results = await items(reads, "/api/v1/search", "results")
    assert [one["nodeId"] for one in results] == [
        f"dataset:db://h:1:{FORMULA}",
        "dataset:db://h:1:a",
        "dataset:db://h:1:b",
        "job:jobs:load",
        "dataset:db://h:1:old",
        "job:jobs:report, weekly",
    ]
    for sort in ("name", "updated"):
        pages = await all_pages(reads, "/api/v1/search", "results", limit=2, sort=sort)
        assert [len(page) for page in pages] == [2, 2, 2]
        found = [one["nodeId"] for page in pages for one in page]
        assert sorted(found) == sorted(one["nodeId"] for one in results)
    assert [one["name"] for one in await items(reads, "/api/v1/search", "results", q="REPORT")] == ["report, weekly"]
    _, first = await get(reads, "/api/v1/search", limit=2)
    status, problem = await get(reads, "/api/v1/search", limit=2, filter="job", cursor=first["nextCursor"])
    assert (status, problem["reason"]) == (400, "bad_cursor")


async def test_a_run_tells_of_its_datasets_and_its_error(reads: RunningWeb) -> None:
    status, run = await get(reads, f"/api/v1/jobs/runs/{run_id('r2')}")
    assert status == 200, run
    assert ([one["name"] for one in run["inputs"]], [one["name"] for one in run["outputs"]]) == (["a"], ["b"])
    assert run["error"] == "none"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/lineage", {"nodeId": "dataset:db://h:1:b"}),
        ("/api/v1/column-lineage", {"nodeId": "datasetField:db://h:1:b:n"}),
        ("/api/v1/impact", {"nodeId": "job:jobs:load"}),
        ("/api/v1/impact", {"nodeId": "job:jobs:load", "format": "csv"}),
    ],
)
async def test_another_namespace_hears_404_and_finds_nothing(
    reads: RunningWeb, path: str, query: dict[str, str]
) -> None:
    status, problem = await get(reads, path, "stranger", **query)
    assert (status, problem["reason"]) == (404, "not_found")
    assert await items(reads, "/api/v1/search", "results", "stranger") == []


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/api/v1/lineage", {"nodeId": "job:a:b", "asOf": "yesterday"}, "/asOf"),
        ("/api/v1/lineage", {"nodeId": "job:a:b", "asOf": "2026-01-01"}, "/asOf"),
        ("/api/v1/lineage", {"nodeId": "job:" + ":" * 100 + "b"}, "/nodeId"),
        ("/api/v1/column-lineage", {}, "/nodeId"),
        ("/api/v1/column-lineage", {"nodeId": "job:a:b"}, "/nodeId"),
        ("/api/v1/column-lineage", {"nodeId": "datasetField:a:b"}, "/nodeId"),
        ("/api/v1/column-lineage", {"nodeId": "dataset:a:b", "depth": "21"}, "/depth"),
        ("/api/v1/column-lineage", {"nodeId": "dataset:a:b", "withDownstream": "perhaps"}, "/withDownstream"),
        ("/api/v1/impact", {"nodeId": "datasetField:a:b:c"}, "/nodeId"),
        ("/api/v1/impact", {"nodeId": "job:a:b", "depth": "0"}, "/depth"),
        ("/api/v1/impact", {"nodeId": "job:a:b", "direction": "sideways"}, "/direction"),
        ("/api/v1/impact", {"nodeId": "job:a:b", "format": "xlsx"}, "/format"),
        ("/api/v1/search", {"limit": "0"}, "/limit"),
        ("/api/v1/search", {"filter": "run"}, "/filter"),
        ("/api/v1/search", {"sort": "size"}, "/sort"),
        ("/api/v1/search", {"q": "x" * 1_001}, "/q"),
    ],
)
async def test_a_wrong_parameter_is_400_naming_it(
    reads: RunningWeb, path: str, query: dict[str, str], pointer: str
) -> None:
    status, problem = await get(reads, path, **query)
    assert (status, problem["reason"]) == (400, "invalid_parameter"), problem
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["/api/v1/lineage", "/api/v1/column-lineage", "/api/v1/impact"])
async def test_names_that_look_like_sql_are_only_names(reads: RunningWeb, path: str) -> None:
    kind = "dataset" if path == "/api/v1/column-lineage" else "job"
    for name in ("' OR 1=1 --", "{ns:String}", "\\", "a'b\\", "%", "\u2028", ":".join("abcdefgh")):
        status, _ = await get(reads, path, nodeId=f"{kind}:prod:{name}")
        assert status == 404
    status, page = await get(reads, "/api/v1/search", q="' OR 1=1 --")
    assert (status, page["totalCount"]) == (200, 0)
