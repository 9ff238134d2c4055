"""Every request that Marquez's web page 0.51.1 makes (its web/src/store/requests) has a route here: what reads is answered in the shape
that the page's types name, what writes is refused and said so."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from lineagehub.web.marquez.endpoints import MARQUEZ_ENDPOINTS
from tests.hub.web.marquez.conftest import ask, read
from tests.hub.web.marquez.history import LOAD, ORDERS, SECOND_LOAD
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOB = "/namespaces/{namespace}/jobs/{job}"
DATASET = "/namespaces/{namespace}/datasets/{dataset}"

READS = [
    "/namespaces",
    "/namespaces/{namespace}/datasets?limit=20&offset=0",
    DATASET,
    f"{DATASET}/versions?limit=25&offset=0",
    "/jobs?limit=25&offset=0",
    "/jobs?limit=25&offset=0&lastRunStates=COMPLETED",
    "/namespaces/{namespace}/jobs?limit=25&offset=0",
    "/namespaces/{namespace}/jobs?limit=25&offset=0&lastRunStates=RUNNING",
    JOB,
    f"{JOB}/runs?limit=14&offset=0",
    "/jobs/runs/{id}/facets?type=run",
    "/jobs/runs/{id}/facets?type=job",
    "/events/lineage?limit=100&before=2030-01-01T00:00:00.000Z&after=2024-01-01T00:00:00.000Z&offset=0&sortDirection=desc",
    "/lineage?nodeId=job:{namespace}:{job}&depth=2",
    "/column-lineage?nodeId=dataset:{namespace}:{dataset}&depth=2&withDownstream=true",
    "/search?q=orders&sort=UPDATE_AT&limit=100",
    "/search?q=orders&sort=NAME&limit=100&filter=DATASET",
    "/stats/lineage-events?period=DAY&timezone=Europe/Berlin",
    "/stats/lineage-events?period=WEEK&timezone=America/St_Johns",
    "/stats/jobs?period=DAY&timezone=UTC",
    "/stats/datasets?period=WEEK&timezone=UTC",
    "/stats/sources?period=WEEK&timezone=UTC",
    "/tags",
]
FULL_TEXT_READS = ["/search/jobs?q=insert", "/search/datasets?q=amount"]
WRITES = [
    ("POST", f"{JOB}/tags/pii"),
    ("DELETE", f"{JOB}/tags/pii"),
    ("POST", f"{DATASET}/tags/pii"),
    ("DELETE", f"{DATASET}/tags/pii"),
    ("POST", f"{DATASET}/fields/id/tags/pii"),
    ("DELETE", f"{DATASET}/fields/id/tags/pii"),
    ("PUT", "/tags/pii"),
    ("POST", "/jobs?runState=RUNNING&limit=1&offset=0"),
]
"""The last is the page's `getJobsByState`, which Marquez itself refuses."""


def filled(template: str) -> str:
    """Return a path with names that exist, encoded as the page encodes them."""
    namespace = ORDERS["namespace"] if "{dataset}" in template or "/datasets?" in template else LOAD["namespace"]
    values = {"namespace": namespace, "job": LOAD["name"], "dataset": ORDERS["name"], "id": SECOND_LOAD}
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe="!'()*-._~"))
    return template


@pytest.mark.parametrize("template", READS)
async def test_what_the_page_reads_is_there(marquez: RunningWeb, template: str) -> None:
    assert (await ask(marquez, filled(template)))[0] == 200


@pytest.mark.parametrize("template", FULL_TEXT_READS)
async def test_what_the_advanced_search_reads_is_there(marquez: RunningWeb, template: str) -> None:
    document = await read(marquez, filled(template), api="/marquez/api/v2beta")
    assert document.keys() == {"hits", "highlights"}
    assert len(document["hits"]) == len(document["highlights"]) == 1


@pytest.mark.parametrize(("method", "template"), WRITES)
async def test_what_the_page_would_write_is_refused(marquez: RunningWeb, method: str, template: str) -> None:
    url = f"/marquez/api/v1{filled(template)}"
    async with marquez.client.request(method, url, headers=marquez.headers("owner"), json={}) as answer:
        body = await answer.json()
        assert answer.status == body["code"] == 405
    job = await read(marquez, filled(JOB))
    assert job["tags"] == ["nightly"]


async def test_what_the_page_counts_on(marquez: RunningWeb) -> None:
    """It looks up each end of an edge among the nodes, goes through the lists of every event, and shows latest runs."""

    def ends(document: dict[str, Any]) -> set[str]:
        edges = [edge for node in document["graph"] for edge in [*node["inEdges"], *node["outEdges"]]]
        return {edge[end] for edge in edges for end in ("origin", "destination")}

    for template in ("/lineage?nodeId=job:{namespace}:{job}&depth=2", READS[14]):
        document = await read(marquez, filled(template))
        assert ends(document) == {node["id"] for node in document["graph"]}
    for event in (await read(marquez, "/events/lineage"))["events"]:
        assert isinstance(event["inputs"], list)
        assert isinstance(event["outputs"], list)
    for job in (await read(marquez, "/jobs"))["jobs"]:
        assert (job["latestRun"] is None) == (job["latestRuns"] is None)


async def test_all_routes_read_but_for_three_that_delete() -> None:
    others = [(endpoint.method, endpoint.path.removeprefix("/marquez/api/v1")) for endpoint in MARQUEZ_ENDPOINTS]
    assert [other for other in others if other[0] != "GET"] == [
        ("DELETE", "/namespaces/{namespace}"),
        ("DELETE", "/namespaces/{namespace}/jobs/{job}"),
        ("DELETE", "/namespaces/{namespace}/datasets/{dataset}"),
    ]
    assert all(endpoint.speaks_marquez for endpoint in MARQUEZ_ENDPOINTS)
