"""The reads, on the embedded ClickHouse: what was stored is found, in its namespace only, and parameters are
checked."""

from __future__ import annotations

import json
import uuid

import pytest
import pytest_asyncio

from lineagehub.store.landing import LINEAGE_EVENTS_IN, OTLP_TRACES_IN
from tests.hub.web.reading import get, store
from tests.hub.web.running import RunningWeb
from tests.hub.web.samples import run_event, trace_request

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOB = {"namespace": "prod", "name": "etl.orders"}
RUN_ID = str(uuid.uuid4())
REQUEST = trace_request(2)
TRACE_ID = REQUEST.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """A web whose ClickHouse holds one run of START and COMPLETE and one trace, in team-a."""
    clickhouse = reading_web.parts.clickhouse
    await store(clickhouse, LINEAGE_EVENTS_IN, _events())
    await store(clickhouse, OTLP_TRACES_IN, [REQUEST.SerializeToString()])
    return reading_web


def _events() -> list[bytes]:
    start = run_event(eventType="START", eventTime="2026-01-02T03:04:05Z", run={"runId": RUN_ID}, job=JOB)
    end = run_event(eventType="COMPLETE", eventTime="2026-01-02T03:05:05Z", run={"runId": RUN_ID.upper()}, job=JOB)
    return [json.dumps(event).encode() for event in (start, end)]


async def test_the_graph_around_a_job_has_its_datasets_and_edges(reads: RunningWeb) -> None:
    status, answer = await get(reads, "/api/v1/lineage", nodeId="job:prod:etl.orders")
    assert status == 200, answer
    nodes = {node["id"]: node for node in answer["graph"]}
    job, source, target = (
        "job:prod:etl.orders",
        "dataset:s3://lake:raw/orders",
        "dataset:postgres://db:5432:shop.public.orders",
    )
    assert set(nodes) == {job, source, target}
    assert nodes[job]["inEdges"] == [{"origin": source, "destination": job}]
    assert nodes[job]["outEdges"] == [{"origin": job, "destination": target}]
    assert nodes[job]["data"]["latestRun"]["state"] == "COMPLETED"
    status, answer = await get(reads, "/api/v1/lineage", nodeId=source, depth=0)
    assert [node["id"] for node in answer["graph"]] == [source]


async def test_a_run_is_found_whatever_the_case_of_its_id(reads: RunningWeb) -> None:
    for run_id in (RUN_ID, RUN_ID.upper()):
        status, run = await get(reads, f"/api/v1/jobs/runs/{run_id}")
        assert status == 200, run
        assert (run["id"], run["state"], run["jobName"]) == (RUN_ID, "COMPLETED", "etl.orders")


async def test_events_come_back_as_they_were_sent_in_the_order_and_the_page_asked_for(reads: RunningWeb) -> None:
    start, end = (json.loads(event) for event in _events())
    status, page = await get(reads, "/api/v1/events/lineage")
    assert status == 200, page
    assert page["totalCount"] == 2
    assert [event["eventType"] for event in page["events"]] == ["COMPLETE", "START"]
    assert {event["eventTime"] for event in page["events"]} == {start["eventTime"], end["eventTime"]}
    status, page = await get(reads, "/api/v1/events/lineage", sortDirection="asc", limit=1, offset=1)
    assert [event["eventType"] for event in page["events"]] == ["COMPLETE"]
    status, page = await get(reads, "/api/v1/events/lineage", before="2026-01-02T03:05:00Z")
    assert [event["eventType"] for event in page["events"]] == ["START"]
    status, page = await get(reads, "/api/v1/events/lineage", after="2026-01-02T04:05:00+01:00")
    assert [event["eventType"] for event in page["events"]] == ["COMPLETE"]


async def test_the_spans_of_a_trace_are_found_whatever_the_case_of_its_id(reads: RunningWeb) -> None:
    for trace_id in (TRACE_ID, TRACE_ID.upper()):
        status, trace = await get(reads, f"/api/v1/traces/{trace_id}")
        assert status == 200, trace
        assert [span["SpanName"] for span in trace["spans"]] == ["span 0"]
        assert trace["spans"][0]["Duration"] == 1_000


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/lineage", {"nodeId": "job:prod:etl.orders"}),
        (f"/api/v1/jobs/runs/{RUN_ID}", {}),
        (f"/api/v1/traces/{TRACE_ID}", {}),
    ],
)
async def test_another_namespace_hears_the_same_404_as_for_what_does_not_exist(
    reads: RunningWeb, path: str, query: dict[str, str]
) -> None:
    status, problem = await get(reads, path, "stranger", **query)
    assert (status, problem["reason"]) == (404, "not_found")
    assert (await get(reads, "/api/v1/events/lineage", "stranger"))[1] == {"events": [], "totalCount": 0}


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/api/v1/lineage", {}, "/nodeId"),
        ("/api/v1/lineage", {"nodeId": ""}, "/nodeId"),
        ("/api/v1/lineage", {"nodeId": "job:prod"}, "/nodeId"),
        ("/api/v1/lineage", {"nodeId": "table:a:b"}, "/nodeId"),
        ("/api/v1/lineage", {"nodeId": "job:a:" + "b" * 5_000}, "/nodeId"),
        ("/api/v1/lineage", {"nodeId": "job:a:b", "depth": "21"}, "/depth"),
        ("/api/v1/lineage", {"nodeId": "job:a:b", "depth": "-1"}, "/depth"),
        ("/api/v1/lineage", {"nodeId": "job:a:b", "depth": "1e9"}, "/depth"),
        ("/api/v1/jobs/runs/7", {}, "/id"),
        ("/api/v1/jobs/runs/..%2f..%2fetc", {}, "/id"),
        ("/api/v1/traces/0af7651916cd43dd", {}, "/trace_id"),
        ("/api/v1/events/lineage", {"limit": "0"}, "/limit"),
        ("/api/v1/events/lineage", {"limit": "1001"}, "/limit"),
        ("/api/v1/events/lineage", {"offset": "1000000000000"}, "/offset"),
        ("/api/v1/events/lineage", {"sortDirection": "up"}, "/sortDirection"),
        ("/api/v1/events/lineage", {"before": "2026-01-01"}, "/before"),
        ("/api/v1/events/lineage", {"after": "1767225600"}, "/after"),
        ("/api/v1/events/lineage", {"after": "yesterday"}, "/after"),
    ],
)
async def test_a_wrong_parameter_is_400_naming_it_and_its_bounds(
    reads: RunningWeb, path: str, query: dict[str, str], pointer: str
) -> None:
    status, problem = await get(reads, path, **query)
    assert (status, problem["reason"]) == (400, "invalid_parameter")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_a_parameter_given_twice_is_400(reads: RunningWeb) -> None:
    url = "/api/v1/lineage?nodeId=job:a:b&nodeId=job:c:d"
    async with reads.client.get(url, headers=reads.headers("reader")) as answer:
        assert answer.status == 400


async def test_names_that_look_like_sql_are_only_names(reads: RunningWeb) -> None:
    for name in ("' OR 1=1 --", "{ns:String}", "\\", "a'b\\", "%", "\u2028"):
        status, _ = await get(reads, "/api/v1/lineage", nodeId=f"job:prod:{name}")
        assert status == 404


async def test_with_all_parts_there_the_web_is_ready(reads: RunningWeb) -> None:
    async with reads.client.get("/readyz") as answer:
        assert (await answer.json())["status"] == "ready"
