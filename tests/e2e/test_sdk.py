"""The SDK against a running hub: each example as a user runs it, and `lineagehub demo`."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import Hub, clean_environment
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "sdk" / "examples").glob("*.py"))
VISIBLE_SECONDS = 30


def _environment(hub: Hub) -> dict[str, str]:
    return clean_environment() | {"LINEAGEHUB_URL": hub.url, "LINEAGEHUB_API_KEY": hub.api_key}


def test_the_three_examples_are_there() -> None:
    assert {path.name for path in EXAMPLES} >= {"basic_usage.py", "ml_pipeline.py", "multi_stage_pipeline.py"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_with_url_and_key_and_its_events_arrive(hub: Hub, example: Path) -> None:
    def stored() -> int:
        return hub.count("SELECT count() FROM lineage_events FINAL WHERE Producer LIKE '%lineagehub%sdk%'")

    before = stored()
    result = subprocess.run(
        [sys.executable, str(example)], env=_environment(hub), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    wait_until(lambda: stored() > before, VISIBLE_SECONDS, f"events of {example.name}")


JOINED = """
import lineagehub_sdk as sdk
from lineagehub_sdk.telemetry import configure_telemetry, log_exporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

logs = LoggerProvider(Resource.create({"service.name": SERVICE}))
logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter()))

@sdk.telemetry_track(service_name=SERVICE, tags={"tier": "gold"})
@sdk.lineage_track("joined", namespace=SERVICE, inputs="s3://raw/orders", outputs="postgres://db/shop.public.orders")
def load():
    logs.get_logger("pipeline").emit(body="seven rows were empty")
    return sdk.current_run().run_id

provider = configure_telemetry(SERVICE)
print(load())
provider.shutdown()
logs.shutdown()
assert sdk.flush(20)
"""


def test_a_run_its_span_and_its_logs_find_each_other_in_the_store_and_the_run_is_counted(hub: Hub) -> None:
    service = f"joined-{uuid.uuid4().hex[:8]}"
    result = subprocess.run(
        [sys.executable, "-c", JOINED.replace("SERVICE", repr(service))],
        env=_environment(hub),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    run_id = result.stdout.strip()

    def spans() -> list[dict[str, Any]]:
        return hub.rows(
            "SELECT TraceId, SpanId, RunId, SpanAttributes['lineage.job_name'] AS Job FROM otel_traces "
            "WHERE ServiceName = {service:String}",
            service=service,
        )

    wait_until(lambda: bool(spans()), VISIBLE_SECONDS, "the span of the run")
    (span,) = spans()
    assert (span["RunId"], span["Job"]) == (run_id, "joined")
    events = (
        "SELECT EventType, JSONExtractString(Event, 'run', 'facets', 'lineagehub_trace', 'traceId') AS TraceId, "
        "JSONExtractString(Event, 'run', 'facets', 'lineagehub_trace', 'spanId') AS SpanId "
        "FROM lineage_events FINAL WHERE RunId = {run:String} ORDER BY EventTime"
    )
    wait_until(lambda: len(hub.rows(events, run=run_id)) == 2, VISIBLE_SECONDS, "START and COMPLETE")
    assert [(row["EventType"], row["TraceId"], row["SpanId"]) for row in hub.rows(events, run=run_id)] == [
        (event_type, span["TraceId"], span["SpanId"]) for event_type in ("START", "COMPLETE")
    ]
    # As a reader finds it: from the run to its span.
    found = hub.get(f"/api/v1/jobs/runs/{run_id}/spans").json()
    assert [each["SpanId"] for each in found["spans"]] == [span["SpanId"]]
    logged = "SELECT Body, SpanId FROM otel_logs WHERE TraceId = {trace:String}"
    wait_until(lambda: bool(hub.rows(logged, trace=span["TraceId"])), VISIBLE_SECONDS, "what the run logged")
    assert hub.rows(logged, trace=span["TraceId"]) == [{"Body": "seven rows were empty", "SpanId": span["SpanId"]}]
    counted = (
        "SELECT count() FROM otel_metrics_sum WHERE MetricName = 'pipeline_runs_success_total' "
        "AND ServiceName = {service:String}"
    )
    wait_until(lambda: hub.count(counted, service=service) == 1, VISIBLE_SECONDS, "the metrics of the run")


@pytest.mark.slow
def test_the_demo_sees_everything_that_it_sent_arrive(hub: Hub) -> None:
    environment = _environment(hub) | {"LINEAGEHUB_KAFKA_BROKERS": hub.ready["kafka"], "LINEAGEHUB_NAMESPACE": "demo"}
    command = [sys.executable, "-m", "lineagehub", "demo"]
    result = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["complete"] is True
    assert {entry["transport"] for entry in report["sent"]} == {"http", "kafka"}

    human = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert human.returncode == 0, human.stdout + human.stderr
    assert "job" in human.stdout


def test_a_demo_without_a_hub_fails_with_the_next_command() -> None:
    environment = clean_environment() | {"LINEAGEHUB_URL": "http://127.0.0.1:1", "LINEAGEHUB_API_KEY": "lh_dev_x"}
    result = subprocess.run(
        [sys.executable, "-m", "lineagehub", "demo"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 69
    assert "lineagehub up" in result.stderr
