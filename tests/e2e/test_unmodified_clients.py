"""openlineage-python, which knows nothing of LineageHub, configured by its own environment variables alone."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Mapping

from tests.support.hub import Hub, clean_environment
from tests.support.waiting import wait_until

VISIBLE_SECONDS = 20
"""Delivery takes about a second; the deadline is far above it because a busy machine is no failure."""

EMIT_START_AND_COMPLETE = """
import sys
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

run = Run(runId=sys.argv[1])
job = Job(namespace="warehouse", name="load_orders")
client = OpenLineageClient()
for state in (RunState.START, RunState.COMPLETE):
    client.emit(RunEvent(
        eventType=state, eventTime=datetime.now(timezone.utc).isoformat(), run=run, job=job, producer="https://example.com/test",
        inputs=[InputDataset(namespace="s3://raw", name="orders")],
        outputs=[OutputDataset(namespace="postgres://db:5432", name="shop.public.orders")],
    ))
client.close()
"""


def run_client(code: str, argument: str, environment: Mapping[str, str]) -> str:
    """Run a user's program in a process of its own; return what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", code, argument],
        env=clean_environment() | dict(environment),
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def test_openlineage_python_needs_only_url_and_key_and_its_events_make_the_graph(hub: Hub) -> None:
    run_id = str(uuid.uuid4())
    run_client(EMIT_START_AND_COMPLETE, run_id, {"OPENLINEAGE_URL": hub.url, "OPENLINEAGE_API_KEY": hub.api_key})

    wait_until(lambda: hub.get(f"/api/v1/jobs/runs/{run_id}").status == 200, VISIBLE_SECONDS, "the run to be visible")
    wait_until(
        lambda: hub.get(f"/api/v1/jobs/runs/{run_id}").json()["state"] == "COMPLETED",
        VISIBLE_SECONDS,
        "the run to be complete",
    )
    count = "SELECT count() FROM lineage_events FINAL WHERE RunId = {run:String}"
    wait_until(lambda: hub.count(count, run=run_id) == 2, VISIBLE_SECONDS, "both events to be stored")
    assert_load_orders_makes_its_graph(hub)


def assert_load_orders_makes_its_graph(hub: Hub) -> None:
    """See that the job, what it reads and what it writes come to be there, linked."""
    job = "job:warehouse:load_orders"
    source, target = "dataset:s3://raw:orders", "dataset:postgres://db:5432:shop.public.orders"

    def links() -> dict[str, tuple[list[str], list[str]]]:
        graph = hub.get("/api/v1/lineage", nodeId=job, depth="1").json()["graph"]
        return {
            node["id"]: (
                [edge["origin"] for edge in node["inEdges"]],
                [edge["destination"] for edge in node["outEdges"]],
            )
            for node in graph
        }

    # One insert fills many tables, one after the other: the run may be there before what it reads and writes.
    wait_until(lambda: set(links()) == {source, job, target}, VISIBLE_SECONDS, "the job and its datasets to be linked")
    assert links()[job] == ([source], [target])
