"""The real OpenTelemetry Collector and telemetrygen around the hub, on Apache Kafka: what was sent is what ClickHouse has, no more.

In front of us (otlp_http exporter), beside us (kafka exporter onto our topics) and behind us (kafka receiver on our topics).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.collector import (
    GENERATED,
    OTELCOL,
    SIGNALS,
    TELEMETRYGEN,
    Collector,
    generate,
    pipelines,
    program,
    start_collector,
)
from tests.support.hub import Hub, clean_environment
from tests.support.kafka import Kafka, kafka_or_skip
from tests.support.stored_telemetry import assert_stored_once
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "collector" / "config.yaml"
LOGGED_SECONDS = 60
RECEIVED_SECONDS = 60
OPEN_NAMESPACE = "collector"

OUR_TOPICS = {"traces": "otel-spans", "metrics": "otel-metrics", "logs": "otel-logs"}
THEIR_TOPICS = {"traces": "otlp_spans", "metrics": "otlp_metrics", "logs": "otlp_logs"}
"""The kafka exporter's own defaults."""
BOUND_TOPICS = {signal: f"{topic}.{OPEN_NAMESPACE}" for signal, topic in OUR_TOPICS.items()}


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    """Skip everything here, or fail in CI, where the programs are not named."""
    program(OTELCOL)
    program(TELEMETRYGEN)


@pytest.fixture
def service() -> str:
    """The service name that tells what this test sent."""
    return f"service-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def open_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka without a hub: only an agent that takes unsigned records reads from it."""
    with kafka_or_skip(tmp_path_factory.mktemp("open-kafka")) as running:
        yield running


@contextlib.contextmanager
def _shipped_collector(hub: Hub, directory: Path) -> Iterator[Collector]:
    """The Collector with the configuration that we ship, in front of this hub."""
    # Its first pause before it tries again is 5 s.
    exporters = {"otlp_http": {"endpoint": hub.url, "retry_on_failure": {"initial_interval": "1s"}}}
    with start_collector(directory, {"exporters": exporters}, base=SHIPPED, LINEAGEHUB_API_KEY=hub.api_key) as running:
        yield running


def test_the_configuration_that_we_ship_is_valid() -> None:
    result = subprocess.run(
        [program(OTELCOL), "validate", f"--config={SHIPPED}"],
        env=clean_environment() | {"LINEAGEHUB_API_KEY": "lh_dev_x"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


def test_a_collector_as_we_ship_it_brings_every_signal(hub: Hub, tmp_path: Path, service: str) -> None:
    with _shipped_collector(hub, tmp_path) as collector:
        generate(collector.endpoint, service)
        assert_stored_once(hub, service, GENERATED)


def test_telemetrygen_needs_only_endpoint_and_header(hub: Hub, service: str) -> None:
    generate(hub.url.removeprefix("http://"), service, hub.api_key)
    assert_stored_once(hub, service, GENERATED)


def test_what_we_leave_out_is_reported_by_the_collector_and_not_sent_again(
    hub: Hub, tmp_path: Path, service: str
) -> None:
    def span(name: str, trace_id: str) -> dict[str, Any]:
        times = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000"}
        return {"traceId": trace_id, "spanId": "00000000000000a1", "name": name, "kind": 1, **times}

    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    spans = [span("good", "0" * 31 + "a"), span("without a trace", "")]
    request = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}]}
    with _shipped_collector(hub, tmp_path) as collector:
        _post_json(f"http://{collector.endpoint}/v1/traces", request)
        wait_until(lambda: "artial success" in collector.log(), LOGGED_SECONDS, "the Collector to report it")
        # It stops only when nothing is left to be sent.
        assert collector.stop() == 0
        report = next(line for line in collector.log().splitlines() if "artial success" in line)
    assert '"dropped_spans": 1' in report
    assert "not worth sending again" in report
    assert "Will retry" not in collector.log()
    assert_stored_once(hub, service, {"otel_traces": 1})


def test_a_collector_keeps_what_a_hub_without_its_broker_refuses(
    hub: Hub, kafka: Kafka, tmp_path: Path, service: str
) -> None:
    with _shipped_collector(hub, tmp_path) as collector:
        kafka.kill()
        try:
            generate(collector.endpoint, service)
            wait_until(lambda: "Will retry" in collector.log(), LOGGED_SECONDS, "the Collector to be refused")
        finally:
            kafka.restart()
        assert_stored_once(hub, service, GENERATED)
        assert "503" in collector.log()
        assert "Dropping data" not in collector.log()


@pytest.mark.parametrize("topics", [OUR_TOPICS, THEIR_TOPICS], ids=["our topics", "the exporter's default topics"])
def test_what_the_kafka_exporter_writes_is_taken_in_open_trust(
    hub: Hub, open_kafka: Kafka, tmp_path: Path, service: str, topics: dict[str, str]
) -> None:
    exporter: dict[str, Any] = {"brokers": [open_kafka.bootstrap]}
    if topics != THEIR_TOPICS:
        exporter |= {signal: {"topic": topic} for signal, topic in topics.items()}
    configuration = {"exporters": {"kafka": exporter}, "service": {"pipelines": pipelines("otlp", "kafka")}}
    names = {OUR_TOPICS[signal]: topics[signal] for signal in SIGNALS if topics[signal] != OUR_TOPICS[signal]}
    trust = {
        "LINEAGEHUB_KAFKA_TRUST": "open",
        "LINEAGEHUB_KAFKA_OPEN_NAMESPACE": OPEN_NAMESPACE,
        "LINEAGEHUB_KAFKA_TOPIC_NAMES": json.dumps(names),
    }
    with _agent(hub, open_kafka, trust), start_collector(tmp_path, configuration) as collector:
        generate(collector.endpoint, service)
        assert_stored_once(hub, service, GENERATED, OPEN_NAMESPACE)


def test_what_the_kafka_exporter_writes_to_bound_topics_is_their_namespaces(
    hub: Hub, open_kafka: Kafka, tmp_path: Path, service: str
) -> None:
    exporter: dict[str, Any] = {"brokers": [open_kafka.bootstrap]}
    exporter |= {signal: {"topic": topic} for signal, topic in BOUND_TOPICS.items()}
    configuration = {"exporters": {"kafka": exporter}, "service": {"pipelines": pipelines("otlp", "kafka")}}
    bound = {"LINEAGEHUB_KAFKA_BOUND_TOPICS": json.dumps(dict.fromkeys(BOUND_TOPICS.values(), OPEN_NAMESPACE))}
    with _agent(hub, open_kafka, bound), start_collector(tmp_path, configuration) as collector:
        generate(collector.endpoint, service)
        assert_stored_once(hub, service, GENERATED, OPEN_NAMESPACE)


def test_the_kafka_receiver_reads_what_our_web_wrote(hub: Hub, kafka: Kafka, tmp_path: Path, service: str) -> None:
    receiver: dict[str, Any] = {"brokers": [kafka.bootstrap], "group_id": service, "initial_offset": "earliest"}
    receiver |= {signal: {"topics": [topic], "encoding": "otlp_proto"} for signal, topic in OUR_TOPICS.items()}
    exported = tmp_path / "exported.json"
    configuration = {
        "receivers": {"kafka": receiver},
        "exporters": {"file": {"path": str(exported), "flush_interval": "100ms"}},
        "service": {"pipelines": pipelines("kafka", "file")},
    }
    generate(hub.url.removeprefix("http://"), service, hub.api_key)
    expected = Counter(
        traces=GENERATED["otel_traces"],
        metrics=sum(count for table, count in GENERATED.items() if "_metrics_" in table),
        logs=GENERATED["otel_logs"],
    )
    with start_collector(tmp_path, configuration) as collector:
        wait_until(lambda: _items(exported, service)[0] >= expected, RECEIVED_SECONDS, f"{expected} to be received")
        assert collector.stop() == 0
    received, trace_ids = _items(exported, service)
    assert received == expected
    assert_stored_once(hub, service, GENERATED)
    stored = hub.rows("SELECT DISTINCT TraceId FROM otel_traces WHERE ServiceName = {service:String}", service=service)
    assert trace_ids == {row["TraceId"] for row in stored}
    assert len(trace_ids) == 50


def _post_json(url: str, document: Any) -> None:
    request = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


@contextlib.contextmanager
def _agent(hub: Hub, kafka: Kafka, settings: dict[str, str]) -> Iterator[None]:
    """Run the telemetry agent on this Kafka, into the hub's ClickHouse; `settings` say which unsigned records it takes."""
    environment = clean_environment() | {
        "LINEAGEHUB_SECRET_KEY": "a secret key of the tests, long enough",
        "LINEAGEHUB_KAFKA_BROKERS": kafka.bootstrap,
        "LINEAGEHUB_CLICKHOUSE_URL": hub.ready["clickhouse"],
        **settings,
    }
    hub_command = [sys.executable, "-m", "lineagehub"]
    subprocess.run([*hub_command, "topics", "apply"], env=environment, check=True, capture_output=True, timeout=60)
    agent = subprocess.Popen(
        [*hub_command, "agent", "telemetry-store", "--json"], env=environment, stdout=subprocess.PIPE
    )
    assert agent.stdout is not None
    try:
        assert agent.stdout.readline(), f"the agent ended with {agent.wait(10)}"
        yield
    finally:
        agent.terminate()
        agent.wait(60)
        agent.stdout.close()


def _items(exported: Path, service: str) -> tuple[Counter[str], set[str]]:
    """Return how many items of the service the file exporter wrote, by signal, and the trace ids of its spans."""
    counts: Counter[str] = Counter()
    trace_ids: set[str] = set()
    for line in exported.read_text().splitlines(keepends=True) if exported.exists() else ():
        if not line.endswith("\n"):
            break
        request = json.loads(line)
        for scope in _scopes(request, service):
            spans = scope.get("spans", [])
            trace_ids |= {span["traceId"] for span in spans}
            counts["traces"] += len(spans)
            counts["logs"] += len(scope.get("logRecords", []))
            for metric in scope.get("metrics", []):
                counts["metrics"] += sum(len(data["dataPoints"]) for data in metric.values() if "dataPoints" in data)
    return counts, trace_ids


def _scopes(request: dict[str, Any], service: str) -> Iterator[dict[str, Any]]:
    for resources in request.values():
        for resource in resources:
            attributes = resource.get("resource", {}).get("attributes", [])
            if {"key": "service.name", "value": {"stringValue": service}} in attributes:
                for name, scopes in resource.items():
                    if name.startswith("scope"):
                        yield from scopes
