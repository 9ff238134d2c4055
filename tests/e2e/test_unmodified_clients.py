"""Clients that know nothing of LineageHub, configured by their own environment variables alone."""

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

SEND_100_SPANS = """
import sys
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": sys.argv[1]}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("test")
for number in range(100):
    with tracer.start_as_current_span("step", attributes={"number": number}):
        pass
provider.shutdown()
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


def test_opentelemetry_sdk_needs_only_endpoint_and_header_variables(hub: Hub) -> None:
    service = f"service-{uuid.uuid4().hex}"
    _run(
        SEND_100_SPANS,
        service,
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": hub.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{hub.api_key}",
        },
    )

    def stored() -> int:
        return hub.count("SELECT count() FROM otel_traces WHERE ServiceName = {service:String}", service=service)

    wait_until(lambda: stored() >= 100, VISIBLE_SECONDS, "100 spans in ClickHouse")
    assert stored() == 100
    namespaces = hub.rows(
        "SELECT DISTINCT Namespace FROM otel_traces WHERE ServiceName = {service:String}", service=service
    )
    assert namespaces == [{"Namespace": "demo"}]
