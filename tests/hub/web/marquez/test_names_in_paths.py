"""Names come through a path as they are: decoded once, a slash, a percent sign and a plus being letters like others."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.hub.web.marquez.conftest import ask, read
from tests.hub.web.marquez.history import run_event, store
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = (
    "a/b",
    "/leading",
    "trailing/",
    "s3://bucket/key=1/part",
    "host:5432",
    "100%",
    "%2F is no slash",
    "a%252Fb",
    "a+b c",
    "?query#fragment",
    "semi;colon=1,2&3",
    "{braces}",
    'quote"back\\slash',
    "größe-データ-🙂",
    "runs",
)


@pytest.mark.slow
async def test_each_name_leads_to_its_job_and_dataset_and_to_no_other(marquez: RunningWeb) -> None:
    await store(
        marquez.parts.clickhouse,
        "team-b",
        [
            run_event(
                "COMPLETE",
                "2024-03-02T00:00:00Z",
                f"01900000-0000-7000-8000-0000000001{number:02x}",
                {"namespace": f"job {name}", "name": name},
                [],
                [{"namespace": f"data {name}", "name": name}],
            )
            for number, name in enumerate(NAMES)
        ],
    )
    for name in NAMES:
        # As JavaScript's encodeURIComponent does it, which is how Marquez's page encodes names.
        encoded = quote(name, safe="!'()*-._~")
        job = await read(marquez, f"/namespaces/job%20{encoded}/jobs/{encoded}", role="stranger")
        assert job["id"] == {"namespace": f"job {name}", "name": name}
        runs = await read(marquez, f"/namespaces/job%20{encoded}/jobs/{encoded}/runs", role="stranger")
        assert runs["totalCount"] == 1
        dataset = await read(marquez, f"/namespaces/data%20{encoded}/datasets/{encoded}", role="stranger")
        assert dataset["id"] == {"namespace": f"data {name}", "name": name}
        graph = await read(marquez, f"/lineage?nodeId=job:job%20{encoded}:{encoded}&depth=0", role="stranger")
        assert {node["id"] for node in graph["graph"]} == {f"job:job {name}:{name}", f"dataset:data {name}:{name}"}


async def test_a_slash_that_is_not_encoded_parts_the_path(marquez: RunningWeb) -> None:
    assert (await ask(marquez, "/namespaces/prod/eu"))[0] == 404
    assert (await ask(marquez, "/namespaces/prod%2Feu"))[0] == 200
    assert (await ask(marquez, "/namespaces/prod%252Feu"))[0] == 404
