"""openlineage-python over its other transports, HTTP in the background and Kafka, configured as docs/clients.md says and no more.

It needed nothing special for the embedded broker: librdkafka's defaults work there, and its idempotent producer, too.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.broker.topics import check_topics
from lineagehub.contract.dead_letter import HEADER_DETAIL, HEADER_REASON, HEADER_TOPIC
from lineagehub.contract.topics import DEAD_LETTERS, OPENLINEAGE_EVENTS
from lineagehub.settings import KafkaSettings
from tests.e2e.test_unmodified_clients import (
    EMIT_START_AND_COMPLETE,
    VISIBLE_SECONDS,
    assert_load_orders_makes_its_graph,
    run_client,
)
from tests.support.bound_topics import EVENTS_TOPIC, SPANS_TOPIC, TEAM, as_namespace
from tests.support.documents import exports, yaml_file
from tests.support.hub import Hub, start_hub
from tests.support.records import read_records
from tests.support.waiting import wait_until

CLIENTS = "docs/clients.md"
IN_THE_BACKGROUND = "HTTP in the background"
RUNS = 200
RENAMED = {DEAD_LETTERS.name: "letters"}

EMIT_RUNS = f"""
import json, sys
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

client = OpenLineageClient()
for number in range({RUNS}):
    run = Run(runId=str(generate_new_uuid()))
    for state in (RunState.START, RunState.COMPLETE):
        client.emit(RunEvent(
            eventType=state, eventTime=datetime.now(timezone.utc).isoformat(), run=run,
            job=Job(namespace=sys.argv[1], name=f"job-{{number % 7}}"), producer="https://example.com/test",
        ))
closed = client.close()
print(json.dumps([client.transport.kind, closed, client.transport.get_stats()]))
"""

EMIT_ONE_TWICE_AND_A_LARGE_ONE = """
import sys
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import parent_run, sql_job

client = OpenLineageClient()
root = parent_run.Root(run=parent_run.RootRun(runId=sys.argv[1]), job=parent_run.RootJob(namespace="airflow", name="nightly"))
parent = parent_run.ParentRunFacet(
    run=parent_run.Run(runId=sys.argv[1]), job=parent_run.Job(namespace="airflow", name="nightly.load"), root=root,
)
once = RunEvent(
    eventType=RunState.COMPLETE, eventTime=datetime.now(timezone.utc).isoformat(), producer="https://example.com/test",
    run=Run(runId=sys.argv[1], facets={"parent": parent}), job=Job(namespace="twice", name="load"),
)
client.emit(once)
client.emit(once)
client.emit(RunEvent(
    eventType=RunState.RUNNING, eventTime=datetime.now(timezone.utc).isoformat(), producer="https://example.com/test",
    run=Run(runId=sys.argv[1], facets={"parent": parent}),
    job=Job(namespace="twice", name="load", facets={"sql": sql_job.SQLJobFacet(query="SELECT 1 -- " + "x" * 2_000_000)}),
))
client.close()
"""


@pytest.fixture(scope="module")
def team(hub: Hub) -> Hub:
    """The hub as the namespace sees it that the bound topics belong to."""
    return as_namespace(hub, TEAM)


@pytest.fixture
def open_hub(tmp_path: Path, hub_arguments: tuple[str, ...]) -> Iterator[Hub]:
    """A hub with one tenant, which takes unsigned records from the shared topics."""
    settings = {
        "LINEAGEHUB_KAFKA_TRUST": "open",
        "LINEAGEHUB_KAFKA_OPEN_NAMESPACE": "demo",
        "LINEAGEHUB_KAFKA_TOPIC_NAMES": json.dumps(RENAMED),
    }
    with start_hub(tmp_path, *hub_arguments, settings=settings) as running:
        yield running


def background_configuration(hub: Hub, form: str, directory: Path) -> Mapping[str, str]:
    actual = {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}
    if form == "environment":
        return exports(CLIENTS, IN_THE_BACKGROUND, actual)
    return _named_file(directory, yaml_file(CLIENTS, IN_THE_BACKGROUND, actual))


def kafka_configuration(hub: Hub, form: str, directory: Path, topic: str = EVENTS_TOPIC) -> Mapping[str, str]:
    actual = {"127.0.0.1:9092": hub.ready["kafka"], EVENTS_TOPIC: topic}
    if form == "environment":
        return exports(CLIENTS, "Kafka", actual)
    return _named_file(directory, yaml_file(CLIENTS, "Kafka", actual))


def _named_file(directory: Path, text: str) -> Mapping[str, str]:
    path = directory / "openlineage.yml"
    path.write_text(text)
    return {"OPENLINEAGE_CONFIG": str(path)}


@pytest.mark.parametrize("form", ["environment", "file"])
def test_what_is_sent_in_the_background_is_visible_once_after_close(hub: Hub, tmp_path: Path, form: str) -> None:
    job_namespace = f"background-{uuid.uuid4().hex[:8]}"
    printed = run_client(EMIT_RUNS, job_namespace, background_configuration(hub, form, tmp_path))
    assert json.loads(printed) == ["async_http", True, {"pending": 0, "success": 2 * RUNS, "failed": 0}]

    def stored() -> list[dict[str, Any]]:
        return hub.rows(
            "SELECT RunId, groupArray(EventType) AS types FROM lineage_events FINAL WHERE JobNamespace = {ns:String} GROUP BY RunId",
            ns=job_namespace,
        )

    def events() -> int:
        return sum(len(row["types"]) for row in stored())

    wait_until(lambda: events() >= 2 * RUNS, VISIBLE_SECONDS, "all events to be stored")
    assert len(stored()) == RUNS
    assert {tuple(sorted(row["types"])) for row in stored()} == {("COMPLETE", "START")}
    states = {hub.get(f"/api/v1/jobs/runs/{row['RunId']}").json()["state"] for row in stored()[:20]}
    assert states == {"COMPLETED"}


@pytest.mark.parametrize("form", ["environment", "file"])
def test_what_it_writes_to_a_bound_topic_makes_the_graph_of_the_topics_namespace(
    hub: Hub, team: Hub, tmp_path: Path, form: str
) -> None:
    run_id = str(uuid.uuid4())
    run_client(EMIT_START_AND_COMPLETE, run_id, kafka_configuration(hub, form, tmp_path))
    _wait_completed(team, run_id)
    expected = [(TEAM, EVENTS_TOPIC, "COMPLETE"), (TEAM, EVENTS_TOPIC, "START")]
    wait_until(lambda: _stored(hub, run_id) == expected, VISIBLE_SECONDS, "both events to be stored, for the team")
    assert_load_orders_makes_its_graph(team)
    assert hub.get(f"/api/v1/jobs/runs/{run_id}").status == 404, "the run is not of the other namespace"


def test_an_event_sent_twice_is_stored_once_and_a_large_one_is_taken(hub: Hub, team: Hub, tmp_path: Path) -> None:
    run_id = str(uuid.uuid4())
    run_client(EMIT_ONE_TWICE_AND_A_LARGE_ONE, run_id, kafka_configuration(hub, "file", tmp_path))
    # All three have one key, so they lie on one partition in this order: with the last one the others have been delivered.
    wait_until(lambda: "RUNNING" in _types(hub, run_id), VISIBLE_SECONDS, "the last event to be stored")
    assert _types(hub, run_id) == ["COMPLETE", "RUNNING"]
    _wait_completed(team, run_id)

    written = [record for record in _read(hub, EVENTS_TOPIC, 3) if run_id.encode() in record.value]
    assert [len(record.value) > 2_000_000 for record in written] == [False, False, True]
    assert {(record.key, record.headers) for record in written} == {(b"run:airflow/nightly", ())}
    assert len({record.partition for record in written}) == 1


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [(b"no JSON", b"invalid_json", b"It is no JSON"), (b'{"eventType": "START"}', b"schema_invalid", b"/")],
    ids=["no JSON", "no event"],
)
def test_what_is_no_event_on_a_bound_topic_is_a_dead_letter_of_its_namespace(
    hub: Hub, team: Hub, value: bytes, reason: bytes, detail: bytes
) -> None:
    key = uuid.uuid4().bytes
    _write(hub, EVENTS_TOPIC, value, key, {"test": key})
    run_id = str(uuid.uuid4())
    _write(hub, EVENTS_TOPIC, _good_event(run_id), key)
    _wait_completed(team, run_id)
    letters = [letter for letter in _read(hub, DEAD_LETTERS.name, 1) if ("test", key) in letter.headers]
    assert {letter.value for letter in letters} == {value}
    assert {letter.key for letter in letters} == {TEAM.encode()}
    for headers in (dict(letter.headers) for letter in letters):
        assert (headers[HEADER_REASON], headers[HEADER_TOPIC]) == (reason, EVENTS_TOPIC.encode())
        assert headers[HEADER_DETAIL].startswith(detail)


def test_spans_on_a_bound_topic_are_the_topics_namespaces(hub: Hub) -> None:
    trace_id = uuid.uuid4()
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(name="bound", trace_id=trace_id.bytes, span_id=b"8 bytes.")
    )
    # An array takes the processor's other way: it becomes text before ClickHouse sees it.
    span.attributes.add(key="ports").value.array_value.values.add().int_value = 7
    _write(hub, SPANS_TOPIC, request.SerializeToString(), None)

    def stored() -> list[dict[str, Any]]:
        sql = "SELECT Namespace, SpanAttributes['ports'] AS ports FROM otel_traces WHERE TraceId = {id:String}"
        return hub.rows(sql, id=trace_id.hex)

    wait_until(lambda: stored() != [], VISIBLE_SECONDS, "the span to be stored")
    assert stored() == [{"Namespace": TEAM, "ports": "[7]"}]


def test_up_makes_bound_topics_as_the_contract_has_the_one_above(hub: Hub) -> None:
    bound = {EVENTS_TOPIC: TEAM, SPANS_TOPIC: TEAM}
    assert asyncio.run(check_topics(KafkaSettings(brokers=hub.ready["kafka"], bound_topics=bound))) == []


def test_an_open_hub_takes_what_it_writes_to_the_shared_topic(open_hub: Hub, tmp_path: Path) -> None:
    run_id = str(uuid.uuid4())
    configuration = kafka_configuration(open_hub, "environment", tmp_path, OPENLINEAGE_EVENTS.name)
    run_client(EMIT_START_AND_COMPLETE, run_id, configuration)
    _wait_completed(open_hub, run_id)
    expected = [("demo", "openlineage-events", "COMPLETE"), ("demo", "openlineage-events", "START")]
    wait_until(lambda: _stored(open_hub, run_id) == expected, VISIBLE_SECONDS, "both events to be stored")
    assert_load_orders_makes_its_graph(open_hub)
    renamed = KafkaSettings(brokers=open_hub.ready["kafka"], topic_names=RENAMED)
    assert asyncio.run(check_topics(renamed)) == [], "up makes its topics under the names that it is told"


def _wait_completed(hub: Hub, run_id: str) -> None:
    def is_completed() -> bool:
        answer = hub.get(f"/api/v1/jobs/runs/{run_id}")
        return answer.status == 200 and bool(answer.json()["state"] == "COMPLETED")

    wait_until(is_completed, VISIBLE_SECONDS, "the run to be visible and complete")


def _stored(hub: Hub, run_id: str) -> list[tuple[str, str, str]]:
    sql = "SELECT Namespace, Topic, EventType FROM lineage_events FINAL WHERE RunId = {run:String} ORDER BY EventType"
    return [(row["Namespace"], row["Topic"], row["EventType"]) for row in hub.rows(sql, run=run_id)]


def _types(hub: Hub, run_id: str) -> list[str]:
    return [event_type for _, _, event_type in _stored(hub, run_id)]


def _read(hub: Hub, topic: str, count: int) -> list[Any]:
    return asyncio.run(read_records(KafkaSettings(brokers=hub.ready["kafka"]), topic, count))


def _write(
    hub: Hub, topic: str, value: bytes, key: bytes | None, headers: dict[str, str | bytes | None] | None = None
) -> None:
    producer = Producer({"bootstrap.servers": hub.ready["kafka"]})
    producer.produce(topic, value, key, headers=headers)
    assert producer.flush(VISIBLE_SECONDS) == 0


def _good_event(run_id: str) -> bytes:
    return json.dumps(
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-11-26T10:00:00Z",
            "run": {"runId": run_id},
            "job": {"namespace": "bound", "name": "good"},
            "producer": "https://example.com/test",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
    ).encode()
