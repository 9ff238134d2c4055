"""marquez-python, unmodified, with the hub's `/marquez` as its URL and an API key: every read that it has."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hub.web.marquez import expected
from tests.hub.web.marquez.history import COUNTRY, LOAD, ORDERS, SECOND_LOAD
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUIREMENTS = Path(__file__).parents[3] / "support" / "marquez_python.txt"
Call = Callable[[Any], Any]


@pytest.fixture(scope="module")
def marquez_client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The client's package, from a folder of its own."""
    folder = tmp_path_factory.mktemp("marquez-python")
    install = [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--require-hashes", "--target", str(folder)]
    done = subprocess.run([*install, "-r", str(REQUIREMENTS)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"marquez-python cannot be had: {done.stderr.strip()[-200:]}")
    sys.path.append(str(folder))
    try:
        return importlib.import_module("marquez_client")
    finally:
        sys.path.remove(str(folder))


async def call(marquez_client: Any, marquez: RunningWeb, do: Call, role: str = "reader") -> Any:
    """Return what a call of the client returns, made in a thread: the client blocks."""
    client = marquez_client.MarquezClient(f"{marquez.url}/marquez", timeout_ms=60_000, api_key=marquez.keys[role])
    return await asyncio.to_thread(do, client)


@pytest.mark.parametrize(
    ("do", "wanted"),
    [
        (lambda client: client.get_job(LOAD["namespace"], LOAD["name"]), expected.LOAD_JOB),
        (lambda client: client.list_jobs(LOAD["namespace"])["totalCount"], 3),
        (lambda client: client.get_job_run(SECOND_LOAD), expected.SECOND_LOADS_RUN),
        (
            lambda client: client.list_job_runs(LOAD["namespace"], LOAD["name"]),
            {"runs": [expected.SECOND_LOADS_RUN, expected.FIRST_LOADS_RUN], "totalCount": 2},
        ),
        (lambda client: client.get_dataset(ORDERS["namespace"], ORDERS["name"]), expected.ORDERS_DATASET),
        (lambda client: client.list_datasets(ORDERS["namespace"], limit=1)["datasets"], [expected.COUNTRY_DATASET]),
        (lambda client: client.list_dataset_versions(COUNTRY["namespace"], COUNTRY["name"])["totalCount"], 1),
        (
            lambda client: client.get_dataset_version(ORDERS["namespace"], ORDERS["name"], expected.ORDERS_VERSION)[
                "createdByRun"
            ],
            expected.SECOND_LOADS_RUN,
        ),
        (lambda client: client.list_namespaces(limit=1, offset=1)["namespaces"][0]["name"], "plans"),
        (lambda client: client.get_namespace("prod/eu")["ownerName"], "anonymous"),
        (lambda client: client.list_sources(), {"sources": expected.SOURCES}),
        (lambda client: client.get_source("orders-db"), expected.SOURCES[1]),
        (lambda client: [tag["name"] for tag in client.list_tags()["tags"]], ["money", "nightly", "pii"]),
        (
            lambda client: client.get_column_lineage_by_dataset_field(ORDERS["namespace"], ORDERS["name"], "amount"),
            {"graph": [expected.AMOUNT_NODE, expected.PRICE_NODE]},
        ),
        (
            lambda client: len(
                client.get_column_lineage_by_dataset(
                    ORDERS["namespace"], ORDERS["name"], version=expected.ORDERS_VERSION
                )["graph"]
            ),
            4,
        ),
        (
            lambda client: len(
                client.get_column_lineage_by_job(LOAD["namespace"], LOAD["name"], with_downstream=True)["graph"]
            ),
            5,
        ),
    ],
)
async def test_the_client_reads(marquez_client: Any, marquez: RunningWeb, do: Call, wanted: Any) -> None:
    assert await call(marquez_client, marquez, do) == wanted


@pytest.mark.parametrize(
    ("do", "role", "status"),
    [
        (lambda client: client.get_job_run(str(uuid.UUID(int=7))), "reader", 404),
        (lambda client: client.get_job_run(SECOND_LOAD), "stranger", 404),
        (lambda client: client.list_namespaces(limit=5_000), "reader", 400),
        (lambda client: client.create_namespace("new", "me"), "owner", 405),
        (lambda client: client.tag_dataset(ORDERS["namespace"], ORDERS["name"], "pii"), "owner", 405),
    ],
)
async def test_the_client_is_told_what_is_wrong(
    marquez_client: Any, marquez: RunningWeb, do: Call, role: str, status: int
) -> None:
    with pytest.raises(marquez_client.errors.APIError) as raised:
        await call(marquez_client, marquez, do, role)
    answer = raised.value.__cause__.response
    assert (answer.status_code, answer.json()["code"]) == (status, status)
