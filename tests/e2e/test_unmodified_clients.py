"""openlineage-python, which knows nothing of LineageHub, configured by its own environment variables alone."""

from __future__ import annotations

import subprocess
import sys
import uuid

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


def _run(code: str, argument: str, environment: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", code, argument], env=clean_environment() | environment, capture_output=True, timeout=60
    )
    assert result.returncode == 0, result.stderr.decode()


def test_openlineage_python_needs_only_url_and_key_and_its_events_make_the_graph(hub: Hub) -> None:
    run_id = str(uuid.uuid4())
    _run(EMIT_START_AND_COMPLETE, run_id, {"OPENLINEAGE_URL": hub.url, "OPENLINEAGE_API_KEY": hub.api_key})

    wait_until(lambda: hub.get(f"/api/v1/jobs/runs/{run_id}").status == 200, VISIBLE_SECONDS, "the run to be visible")
    wait_until(
        lambda: hub.get(f"/api/v1/jobs/runs/{run_id}").json()["state"] == "COMPLETED",
        VISIBLE_SECONDS,
        "the run to be complete",
    )
    stored = hub.count("SELECT count() FROM lineage_events FINAL WHERE RunId = {run:String}", run=run_id)
    assert stored == 2

    graph = hub.get("/api/v1/lineage", nodeId="job:warehouse:load_orders", depth="1").json()["graph"]
    nodes = {node["id"]: node for node in graph}
    assert set(nodes) == {
        "job:warehouse:load_orders",
        "dataset:s3://raw:orders",
        "dataset:postgres://db:5432:shop.public.orders",
    }
    job = nodes["job:warehouse:load_orders"]
    assert [edge["origin"] for edge in job["inEdges"]] == ["dataset:s3://raw:orders"]
    assert [edge["destination"] for edge in job["outEdges"]] == ["dataset:postgres://db:5432:shop.public.orders"]
