"""Pages, filters and bounds: what is asked for comes, what is wrong is 400 and what is not there 404, in the body that Marquez's clients
read."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.hub.web.marquez import expected
from tests.hub.web.marquez.conftest import ask, read
from tests.hub.web.marquez.history import FIRST_LOAD, LOAD, ORDERS, RAW, REPORT_RUN, SECOND_LOAD
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOB = f"/namespaces/prod%2Feu/jobs/{quote(LOAD['name'])}"
DATASET = f"/namespaces/{quote(ORDERS['namespace'], safe='')}/datasets/{ORDERS['name']}"
NOBODY = "01900000-0000-7000-8000-0000000000aa"


def names(document: Any, kind: str) -> list[str]:
    """Return the names in a list."""
    return [item["name"] for item in document[kind]]


async def test_lists_come_in_pages_with_the_count_of_all(marquez: RunningWeb) -> None:
    whole = names(await read(marquez, "/jobs"), "jobs")
    for offset in range(len(whole) + 1):
        page = await read(marquez, f"/jobs?limit=1&offset={offset}")
        assert (names(page, "jobs"), page["totalCount"]) == (whole[offset : offset + 1], 4)
    assert (await read(marquez, "/jobs?limit=0"))["jobs"] == []
    page = await read(marquez, f"{JOB}/runs?limit=1&offset=1")
    assert ([run["id"] for run in page["runs"]], page["totalCount"]) == ([FIRST_LOAD], 2)
    page = await read(marquez, "/namespaces/postgres%3A%2F%2Fdb%3A5432/datasets?limit=1&offset=1")
    assert (names(page, "datasets"), page["totalCount"]) == ([ORDERS["name"]], 3)
    page = await read(marquez, f"{DATASET}/versions?limit=1&offset=1")
    assert ([item["version"] for item in page["versions"]], page["totalCount"]) == ([expected.FIRST_ORDERS_VERSION], 2)
    assert names(await read(marquez, "/namespaces?limit=2&offset=1"), "namespaces") == ["plans", "postgres://db:5432"]
    assert names(await read(marquez, "/sources?limit=1&offset=1"), "sources") == ["orders-db"]
    assert names(await read(marquez, "/tags?limit=1&offset=2"), "tags") == ["pii"]
    page = await read(marquez, "/events/lineage?limit=1&offset=2&sortDirection=ASC")
    assert ([event["run"]["runId"] for event in page["events"]], page["totalCount"]) == ([SECOND_LOAD], 7)


async def test_jobs_of_a_namespace_and_by_the_state_of_the_latest_run(marquez: RunningWeb) -> None:
    assert names(await read(marquez, "/namespaces/plans/jobs"), "jobs") == ["planned"]
    assert await read(marquez, "/namespaces/nowhere/jobs") == {"jobs": [], "totalCount": 0}
    for query, wanted in (
        ("lastRunStates=RUNNING", ["audit"]),
        ("lastRunStates=completed", ["report", LOAD["name"]]),
        ("lastRunStates=RUNNING&lastRunStates=COMPLETED", ["audit", "report", LOAD["name"]]),
        ("runState=RUNNING", ["audit"]),
        ("lastRunStates=FAILED", []),
        ("lastRunStates=OTHER", []),
    ):
        document = await read(marquez, f"/jobs?{query}")
        assert (names(document, "jobs"), document["totalCount"]) == (wanted, len(wanted)), query


async def test_events_within_a_time(marquez: RunningWeb) -> None:
    async def times(query: str) -> list[str]:
        return [event["eventTime"][11:16] for event in (await read(marquez, f"/events/lineage?{query}"))["events"]]

    assert await times("before=2024-03-01T10:00:30.000Z") == ["10:00"]
    assert await times("after=2024-03-01T13:00:00.000Z&before=") == ["13:00"]
    assert await times("after=2024-03-01T14:00:00%2B01:00&before=2030-01-01T00:00:00+00:00") == ["13:00"]


async def test_search_filters_and_sorts(marquez: RunningWeb) -> None:
    async def found(query: str) -> list[str]:
        return names(await read(marquez, f"/search?{query}"), "results")

    assert await found("q=o&filter=JOB&sort=NAME") == [LOAD["name"], "report"]
    assert await found("q=o&filter=dataset&sort=updated_at") == [
        "shop.public.report",
        ORDERS["name"],
        RAW["name"],
        "dim.country",
    ]
    assert await found("q=o&filter=DATASET&limit=1") == ["dim.country"]
    assert await found(f"q=o&namespace={quote(RAW['namespace'], safe='')}") == [RAW["name"]]
    assert await found("q=%25") == [LOAD["name"]], "a percent sign is a letter like others"
    assert await found("q=o&after=2024-03-02") == []
    assert await found("q=o&before=2024-03-01") == []
    assert len(await found("q=o&after=2024-03-01&before=2024-03-02")) == 6
    assert await found("q=nothing") == []


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/jobs?limit=-1", "limit"),
        ("/jobs?limit=1001", "limit"),
        ("/jobs?limit=ten", "limit"),
        ("/jobs?offset=-1", "offset"),
        ("/jobs?offset=99999999999999999999", "offset"),
        ("/jobs?limit=1&limit=2", "limit"),
        ("/jobs?lastRunStates=SLEEPING", "lastRunStates"),
        ("/namespaces?limit=x", "limit"),
        ("/events/lineage?before=yesterday", "before"),
        ("/events/lineage?sortDirection=up", "sortDirection"),
        ("/events/lineage?offset=10001", "offset"),
        ("/search", "q"),
        ("/search?q=", "q"),
        ("/search?q=%20", "q"),
        ("/search?q=a&filter=RUN", "filter"),
        ("/search?q=a&sort=age", "sort"),
        ("/search?q=a&before=2024-3-1", "before"),
        ("/stats/jobs", "period"),
        ("/stats/jobs?period=YEAR", "period"),
        ("/stats/jobs?period=WEEK", "timezone"),
        ("/stats/lineage-events?period=WEEK&timezone=Mars/Olympus", "timezone"),
        ("/stats/lineage-events?period=WEEK&timezone=..%2F..%2Fetc%2Fpasswd", "timezone"),
        ("/lineage", "nodeId"),
        ("/lineage?nodeId=run:7", "nodeId"),
        ("/lineage?nodeId=job:a:b&depth=101", "depth"),
        ("/lineage?nodeId=job:a:b&depth=-1", "depth"),
        ("/column-lineage?nodeId=dataset:a", "nodeId"),
        ("/column-lineage?nodeId=dataset:a:b&withDownstream=perhaps", "withDownstream"),
        (f"/column-lineage?nodeId=dataset:a:b%23{NOBODY}&withDownstream=true", "version"),
        ("/runlineage/upstream", "runId"),
        ("/runlineage/upstream?runId=7", "runId"),
        ("/jobs/runs/7", "id"),
        (f"/jobs/runs/{SECOND_LOAD}/facets", "type"),
        (f"/jobs/runs/{SECOND_LOAD}/facets?type=dataset", "type"),
        (f"{JOB}/versions/7", "version"),
        (f"{DATASET}/versions/7", "version"),
    ],
)
async def test_a_wrong_parameter_is_400_and_named(marquez: RunningWeb, path: str, word: str) -> None:
    status, body = await ask(marquez, path)
    assert (status, body.keys(), body["code"]) == (400, {"code", "message"}, 400)
    assert word in body["message"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/namespaces/nowhere", "Namespace 'nowhere' not found."),
        ("/namespaces/nowhere/jobs/none", "Namespace 'nowhere' not found."),
        ("/namespaces/prod%2Feu/jobs/none", "Job 'none' not found."),
        ("/namespaces/prod%2Feu/jobs/none/runs", "Job 'none' not found."),
        ("/namespaces/prod%2Feu/jobs/none/versions", "Job 'none' not found."),
        (f"{JOB}/versions/{NOBODY}", f"Job version '{NOBODY}' not found."),
        ("/namespaces/nowhere/datasets", "Namespace 'nowhere' not found."),
        ("/namespaces/s3%3A%2F%2Flake/datasets/none", "Dataset 'none' not found."),
        ("/namespaces/s3%3A%2F%2Flake/datasets/none/versions", "Dataset 'none' not found."),
        (f"{DATASET}/versions/{NOBODY}", f"Dataset version '{NOBODY}' not found."),
        (f"/jobs/runs/{NOBODY}", f"Run '{NOBODY}' not found."),
        (f"/jobs/runs/{NOBODY}/facets?type=run", f"Run '{NOBODY}' not found."),
        (f"/jobs/runs/{NOBODY}/facets?type=job", f"Run '{NOBODY}' not found."),
        (f"/runlineage/upstream?runId={NOBODY}", f"Run '{NOBODY}' not found."),
        ("/sources/none", "Source 'none' not found."),
        ("/lineage?nodeId=job:prod%2Feu:none", "Node 'job:prod/eu:none' not found."),
        ("/column-lineage?nodeId=dataset:a:none", "Node 'dataset:a:none' not found."),
        (
            "/column-lineage?nodeId=datasetField:s3://lake:raw%2Forders:none",
            "Node 'datasetField:s3://lake:raw/orders:none' not found.",
        ),
        (
            f"/column-lineage?nodeId=dataset:s3://lake:raw%2Forders%23{NOBODY}",
            f"Node 'dataset:s3://lake:raw/orders#{NOBODY}' not found.",
        ),
        ("/no/such/route", "No route has this path; /docs lists all of them."),
    ],
)
async def test_what_is_not_there_is_404_and_named(marquez: RunningWeb, path: str, message: str) -> None:
    assert await ask(marquez, path) == (404, {"code": 404, "message": message})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs?runState=RUNNING"),
        ("POST", f"{JOB}/tags/pii"),
        ("DELETE", f"{JOB}/tags/pii"),
        ("POST", f"{DATASET}/tags/pii"),
        ("DELETE", f"{DATASET}/fields/id/tags/pii"),
        ("PUT", "/tags/pii"),
        ("POST", "/lineage"),
    ],
)
async def test_what_writes_is_405_and_says_what_to_do(marquez: RunningWeb, method: str, path: str) -> None:
    url = f"/marquez/api/v1{path}"
    async with marquez.client.request(method, url, headers=marquez.headers("owner")) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert body["code"] == 405
    assert "OpenLineage events" in body["message"]


async def test_where_something_can_be_deleted_the_refusal_of_the_rest_says_so(marquez: RunningWeb) -> None:
    async with marquez.client.put(f"/marquez/api/v1{JOB}", headers=marquez.headers("owner")) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET")


async def test_names_that_look_like_sql_are_only_names(marquez: RunningWeb) -> None:
    for name in ("' OR 1=1 --", "{ns:String}", "\\", "a'b\\", "%", "a\u2028b", "\u0001"):
        encoded = quote(name, safe="")
        assert (await ask(marquez, f"/namespaces/prod%2Feu/jobs/{encoded}"))[0] == 404
        assert (await ask(marquez, f"/namespaces/{encoded}/datasets"))[0] == 404
        assert (await ask(marquez, f"/search?q={encoded}&namespace={encoded}"))[1]["totalCount"] == 0


async def test_upstream_of_a_run_ends_where_nobody_wrote(marquez: RunningWeb) -> None:
    runs = (await read(marquez, f"/runlineage/upstream?runId={REPORT_RUN}&depth=100"))["runs"]
    assert [run["run"]["id"] for run in runs] == [REPORT_RUN, SECOND_LOAD]


async def test_a_store_that_is_away_is_503_in_the_same_shape(web: RunningWeb) -> None:
    url = "/marquez/api/v1/jobs"
    async with web.client.get(url, headers=web.headers("reader")) as answer:
        body = await answer.json()
        assert (answer.status, body.keys(), body["code"]) == (503, {"code", "message"}, 503)
        assert int(answer.headers["Retry-After"]) >= 1


async def test_times_far_away_are_only_far_away(marquez: RunningWeb) -> None:
    for early, late in (("0001-01-01", "9999-12-31"), ("1850-01-01", "2299-12-31")):
        assert (await read(marquez, f"/search?q=orders&after={late}"))["results"] == []
        assert (await read(marquez, f"/search?q=orders&before={early}"))["results"] == []
        assert len((await read(marquez, f"/search?q=orders&after={early}&before={late}"))["results"]) == 2
        for query, count in ((f"after={late}T00:00:00Z", 0), (f"after={early}T00:00:00Z&before={late}T00:00:00Z", 7)):
            assert (await read(marquez, f"/events/lineage?{query}"))["totalCount"] == count
