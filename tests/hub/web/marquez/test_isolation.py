"""A key reads its own tenant through every route and nothing of another's; without a key, or with one that may not read, nothing at all."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from lineagehub.web.marquez.endpoints import MARQUEZ_ENDPOINTS
from tests.hub.web.marquez import expected
from tests.hub.web.marquez.conftest import ask
from tests.hub.web.marquez.history import (
    LOAD,
    ORDERS,
    OTHER_TENANTS_DATASET,
    OTHER_TENANTS_JOB,
    OTHER_TENANTS_RUN,
    SECOND_LOAD,
)
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATHS = {
    "{namespace}": "prod%2Feu",
    "{job}": quote(LOAD["name"]),
    "{id}": SECOND_LOAD,
    "{source}": "orders-db",
}
QUERIES = {
    "/lineage": f"nodeId={quote(expected.LOAD_ID)}",
    "/column-lineage": f"nodeId={quote(expected.AMOUNT_ID)}&withDownstream=true",
    "/runlineage/upstream": f"runId={SECOND_LOAD}",
    "/search": "q=o&limit=1000",
    "/search/jobs": "q=insert",
    "/search/datasets": "q=amount",
    "/jobs/runs/{id}/facets": "type=job",
}
OWN = ("etl", "orders", "report", "audit", "planned", "dim.country", "postgres", SECOND_LOAD, "pii", "Out of disk")
"""What only team-a's events say."""
THEIRS = (OTHER_TENANTS_JOB["name"], OTHER_TENANTS_DATASET["name"], OTHER_TENANTS_RUN)


def paths() -> list[tuple[str, str]]:
    """Return every route that reads, with names that exist in team-a."""
    found = []
    for endpoint in (one for one in MARQUEZ_ENDPOINTS if one.method == "GET"):
        _, _, version, rest = endpoint.path.lstrip("/").split("/", 3)
        template = f"/{rest}"
        path = template
        if "{dataset}" in path:
            path = path.replace("{namespace}", quote(ORDERS["namespace"], safe="")).replace("{dataset}", ORDERS["name"])
        kind = expected.ORDERS_VERSION if "{dataset}" in template else expected.LOAD_VERSION
        path = path.replace("{version}", kind)
        for name, value in PATHS.items():
            path = path.replace(name, value)
        query = QUERIES.get(template, "period=DAY" if template.startswith("/stats") else "limit=100")
        found.append((f"/marquez/api/{version}", f"{path}?{query}"))
    return found


@pytest.mark.parametrize(("api", "path"), paths())
async def test_each_route_answers_its_tenant_alone(marquez: RunningWeb, api: str, path: str) -> None:
    status, own = await ask(marquez, path, api=api)
    assert status == 200, own
    text = json.dumps(own)
    assert not any(word in text for word in THEIRS), "another tenant's data"
    status, theirs = await ask(marquez, path, "stranger", api)
    if status == 404:
        # The words of the request may come back in the message, and nothing else does.
        assert theirs.keys() == {"code", "message"}
        return
    assert status == 200, theirs
    text = json.dumps(theirs)
    assert not any(word in text.replace(OTHER_TENANTS_JOB["name"], "") for word in OWN if word != "orders"), text
    assert ORDERS["name"] not in text


async def test_what_is_anothers_is_404_as_what_does_not_exist(marquez: RunningWeb) -> None:
    missing = "01900000-0000-7000-8000-0000000000aa"
    for run_id in (OTHER_TENANTS_RUN, missing):
        assert await ask(marquez, f"/jobs/runs/{run_id}") == (
            404,
            {"code": 404, "message": f"Run '{run_id}' not found."},
        )
    assert (await ask(marquez, f"/jobs/runs/{OTHER_TENANTS_RUN}", "stranger"))[0] == 200


async def test_without_a_key_or_with_one_that_may_not_read_nothing_comes(marquez: RunningWeb) -> None:
    for api, path in paths():
        async with marquez.client.get(f"{api}{path.partition('?')[0]}") as answer:
            assert answer.status == 401
            assert (await answer.json())["code"] == 401
    status, body = await ask(marquez, "/jobs", "writer")
    assert (status, body["code"], body.keys()) == (403, 403, {"code", "message"})
