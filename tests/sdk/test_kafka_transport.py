"""The kafka transport against a real broker: keys, headers and signature as the hub's contract says, and what its faults do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lineagehub_sdk as sdk
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import MessageSizeTooLargeError
from lineagehub_sdk._client import current_client
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery import spool_segment
from lineagehub_sdk._delivery.spool import spool_of
from lineagehub_sdk.errors import TransportRefused
from lineagehub_sdk.telemetry import KafkaSpanExporter, configure_telemetry, log_exporter
from lineagehub_sdk.transports.kafka import KafkaTransport, Signer
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanContext

from lineagehub.auth.api_keys import make_api_key
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.control import SignatureAlgorithm
from lineagehub.contract.headers import derive_signing_key, read_headers
from tests.sdk.conftest import complaints
from tests.support.broker import EmbeddedBroker, start_embedded_broker
from tests.support.hub import clean_environment
from tests.support.proxy import proxied_broker

KEY = make_api_key("dev")
ARRIVE_SECONDS = 30


class Arrivals:
    """The records that one test, by its namespace, writes to a broker."""

    def __init__(self, address: str, namespace: str, consumer: AIOKafkaConsumer) -> None:
        self.address = address
        self.namespace = namespace
        self._consumer = consumer

    def configuration(self, **others: Any) -> dict[str, Any]:
        """Return what leads the SDK here."""
        return _configuration(kafka_brokers=self.address, namespace=self.namespace, **others)

    async def take(self, count: int, *, metrics: bool = False) -> list[Any]:
        """Return the next `count` records of this test; of metrics, of which each flush writes one, only if asked."""
        taken: list[Any] = []
        async with asyncio.timeout(ARRIVE_SECONDS):
            while len(taken) < count:
                record = await self._consumer.getone()
                is_own = dict(record.headers)["lh-ns"] == self.namespace.encode()
                if is_own and (metrics or record.topic != "otel-metrics"):
                    taken.append(record)
        return taken

    async def names(self, count: int) -> list[str]:
        """Return the job names of the next `count` lineage records."""
        return [json.loads(record.value)["job"]["name"] for record in await self.take(count)]


@contextlib.asynccontextmanager
async def _consuming(broker: EmbeddedBroker) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        "openlineage-events",
        "otel-spans",
        "otel-metrics",
        "otel-logs",
        bootstrap_servers=broker.address,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@pytest_asyncio.fixture(scope="module")
async def consumer() -> AsyncIterator[tuple[EmbeddedBroker, AIOKafkaConsumer]]:
    """A broker with the contract's topics, and who reads them."""
    with start_embedded_broker() as broker:
        await apply_topics(broker.settings())
        async with _consuming(broker) as running:
            yield broker, running


@pytest.fixture
def kafka(consumer: tuple[EmbeddedBroker, AIOKafkaConsumer]) -> Arrivals:
    """What this test writes."""
    broker, running = consumer
    return Arrivals(broker.address, f"team-{uuid.uuid4().hex[:8]}", running)


def _configuration(**others: Any) -> dict[str, Any]:
    configured = {"transport": "kafka", "kafka_brokers": "127.0.0.1:1", "api_key": KEY.text, "namespace": "team-a"}
    return {**configured, "flush_interval": 0.01, **others}


async def _flush() -> bool:
    return await asyncio.to_thread(sdk.flush, ARRIVE_SECONDS)


def _emit(*names: str) -> None:
    for name in names:
        sdk.emit({"job": {"namespace": "n", "name": name}})


async def test_lineage_spans_and_metrics_arrive_signed_by_the_key_and_joined_by_the_trace(kafka: Arrivals) -> None:
    config = sdk.configure(**kafka.configuration())
    provider = configure_telemetry("service", config)
    with sdk.run("outer") as outer, sdk.run("inner"):
        pass
    provider.shutdown()
    assert await _flush()

    records = await kafka.take(6, metrics=True)
    signing_key = derive_signing_key(KEY.secret, KEY.kid)
    for record in records:
        envelope, signature = read_headers(record.headers)
        assert (envelope.namespace, envelope.key_id) == (kafka.namespace, KEY.kid)
        assert envelope.signature(signing_key, record.topic, record.value) == signature
    assert len({dict(record.headers)["lh-id"] for record in records}) == 6

    (metrics,) = [record for record in records if record.topic == "otel-metrics"]
    (resource,) = ExportMetricsServiceRequest.FromString(metrics.value).resource_metrics
    assert "pipeline_runs_success_total" in [metric.name for metric in resource.scope_metrics[0].metrics]
    lineage = [record for record in records if record.topic == "openlineage-events"]
    assert {record.key for record in lineage} == {b"run:default/outer"}
    facets = [json.loads(record.value)["run"]["facets"]["lineagehub_trace"] for record in lineage]
    (spans,) = [record for record in records if record.topic == "otel-spans"]
    assert spans.key is None
    request = ExportTraceServiceRequest.FromString(spans.value)
    sent = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    assert {(span.trace_id.hex(), span.span_id.hex()) for span in sent} == {
        (facet["traceId"], facet["spanId"]) for facet in facets
    }
    attributes = [{pair.key: pair.value.string_value for pair in span.attributes} for span in sent]
    assert {
        "lineage.run_id": outer.run_id,
        "lineage.job_namespace": "default",
        "lineage.job_name": "outer",
    } in attributes


async def test_events_of_a_job_keep_their_order(kafka: Arrivals) -> None:
    sdk.configure(**kafka.configuration(batch_size=7))
    for number in range(60):
        sdk.emit({"job": {"namespace": "n", "name": "ordered"}, "number": number})
    assert await _flush()
    assert [json.loads(record.value)["number"] for record in await kafka.take(60)] == list(range(60))


async def test_a_broker_that_was_away_gets_everything_when_it_is_back() -> None:
    async with proxied_broker() as (broker, proxy):
        await apply_topics(broker.settings())
        sdk.configure(**_configuration(kafka_brokers=broker.address, timeout=1.0))
        _emit("before")
        assert await _flush()
        await proxy.cut()
        _emit("during")
        assert not await asyncio.to_thread(sdk.flush, 0.5)
        await proxy.restore()
        _emit("after")
        assert await _flush()
        assert (current_client().sent, current_client().refused) == (3, 0)
        async with _consuming(broker) as running:
            names: set[str] = set()
            while names != {"before", "during", "after"}:
                # A record whose acknowledgement was lost comes twice, with one id: the hub takes it once.
                names.update(await Arrivals(broker.address, "team-a", running).names(1))


async def test_what_waited_on_disk_arrives_signed_with_the_ids_that_it_was_given_when_emitted(
    kafka: Arrivals, tmp_path: Path
) -> None:
    first = str(uuid.uuid4())
    config = sdk.configure(**{**kafka.configuration(), "kafka_brokers": "127.0.0.1:1"})
    sdk.emit({"job": {"namespace": "n", "name": "first"}}, event_id=first)
    _emit("second")
    assert not await asyncio.to_thread(sdk.flush)
    (segment,) = tmp_path.rglob("*.segment")
    waiting, _ = spool_segment.decode(segment.read_bytes())
    assert waiting[0].event_id == uuid.UUID(first).hex

    # The directory of a destination is found by its address: what is to go elsewhere is moved.
    there = spool_of(replace(config, kafka_brokers=kafka.address), "kafka")
    assert there is not None
    Path(there.path).mkdir()
    shutil.copy(segment, there.path)
    sdk.configure(**kafka.configuration())
    _emit("third")
    assert await _flush()
    records = await kafka.take(3)
    ids = {json.loads(record.value)["job"]["name"]: dict(record.headers)["lh-id"].decode() for record in records}
    assert {name: ids[name] for name in ("first", "second")} == dict(
        zip(("first", "second"), (event.event_id for event in waiting), strict=True)
    )
    envelope, signature = read_headers(records[0].headers)
    expected = envelope.signature(derive_signing_key(KEY.secret, KEY.kid), records[0].topic, records[0].value)
    assert signature == expected


async def test_openlineage_python_writes_signed_records_through_the_sdk(kafka: Arrivals) -> None:
    transport = {"type": "lineagehub_sdk.openlineage.LineageHubTransport", **kafka.configuration()}
    transport["transport"] = "kafka"
    client = OpenLineageClient(config={"transport": transport})
    client.emit(RunEvent(eventTime="2026-11-26T10:00:00Z", run=Run(str(uuid.uuid4())), job=Job("n", "job")))
    assert await asyncio.to_thread(client.close, ARRIVE_SECONDS)
    (record,) = await kafka.take(1)
    envelope, signature = read_headers(record.headers)
    expected = envelope.signature(derive_signing_key(KEY.secret, KEY.kid), record.topic, record.value)
    assert (json.loads(record.value)["job"]["name"], signature) == ("job", expected)


async def test_a_record_larger_than_the_topic_takes_costs_no_other(
    kafka: Arrivals, caplog: pytest.LogCaptureFixture
) -> None:
    sdk.configure(**kafka.configuration(flush_interval=0.5))
    _emit("first")
    sdk.emit({"job": {"namespace": "n", "name": "huge"}, "text": "x" * 10_000_000})
    _emit("last")
    assert await _flush()
    assert sorted(await kafka.names(2)) == ["first", "last"]
    assert (current_client().sent, current_client().refused) == (2, 1)
    assert "too_large" in caplog.text


async def test_events_emitted_just_before_the_end_are_flushed_to_a_broker_known_by_name(kafka: Arrivals) -> None:
    environment = clean_environment() | {
        "LINEAGEHUB_TRANSPORT": "kafka",
        "LINEAGEHUB_KAFKA_BROKERS": kafka.address.replace("127.0.0.1", "localhost"),
        "LINEAGEHUB_API_KEY": KEY.text,
        "LINEAGEHUB_NAMESPACE": kafka.namespace,
        "LINEAGEHUB_FLUSH_TIMEOUT": "30",
    }
    code = "import lineagehub_sdk as sdk; sdk.emit({'job': {'namespace': 'n', 'name': 'last words'}})"
    result = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, [line for line in result.stderr.splitlines() if "sending 1 events" not in line]) == (
        0,
        [],
    )
    assert await kafka.names(1) == ["last words"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
async def test_a_forked_child_connects_by_itself_and_leaves_its_parents_connection_alone(kafka: Arrivals) -> None:
    code = f"""
import os, sys
import lineagehub_sdk as sdk
from lineagehub_sdk.telemetry import configure_telemetry
config = sdk.configure(**{kafka.configuration()!r})
provider = configure_telemetry("service", config)
def work(name):
    with sdk.run(name):
        pass
    assert sdk.flush(30) and provider.force_flush()
work("parent")
child = os.fork()
if child == 0:
    work("child")
    sys.exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
work("parent again")
sys.exit(code)
"""
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "ignore", "-c", code],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, complaints(result)) == (0, [])
    records = await kafka.take(9)
    lineage = [json.loads(record.value) for record in records if record.topic == "openlineage-events"]
    assert sorted(event["job"]["name"] for event in lineage) == ["child"] * 2 + ["parent"] * 2 + ["parent again"] * 2
    assert len([record for record in records if record.topic == "otel-spans"]) == 3


async def test_spans_are_split_into_records_that_their_topic_takes(kafka: Arrivals) -> None:
    spans = [_span(number, "x" * 300_000) for number in range(7)]
    exporter = KafkaSpanExporter(LineageHubConfig(**kafka.configuration()))
    assert (await asyncio.to_thread(exporter.export, spans)).name == "SUCCESS"
    exporter.shutdown()
    requests = [ExportTraceServiceRequest.FromString(record.value) for record in await kafka.take(3)]
    names = [span.name for request in requests for span in request.resource_spans[0].scope_spans[0].spans]
    assert sorted(names) == [str(number) for number in range(7)]


async def test_spans_may_be_exported_from_a_thread_that_runs_an_event_loop(kafka: Arrivals) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(KafkaSpanExporter(LineageHubConfig(**kafka.configuration()))))
    with provider.get_tracer("t").start_as_current_span("inside a loop"):
        pass
    provider.shutdown()
    (record,) = await kafka.take(1)
    request = ExportTraceServiceRequest.FromString(record.value)
    assert request.resource_spans[0].scope_spans[0].spans[0].name == "inside a loop"


async def test_logs_arrive_signed_by_the_key_in_records_that_their_topic_takes(kafka: Arrivals) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(log_exporter(LineageHubConfig(**kafka.configuration()))))
    for number in range(7):
        provider.get_logger("t").emit(body=f"{number}" + "x" * 300_000)
    await asyncio.to_thread(provider.shutdown)
    bodies = []
    for record in await kafka.take(3):
        envelope, signature = read_headers(record.headers)
        assert (record.topic, envelope.content_kind) == ("otel-logs", "otlp-logs+protobuf")
        assert envelope.signature(derive_signing_key(KEY.secret, KEY.kid), record.topic, record.value) == signature
        (scope,) = ExportLogsServiceRequest.FromString(record.value).resource_logs[0].scope_logs
        bodies += [log.body.string_value[0] for log in scope.log_records]
    assert sorted(bodies) == [str(number) for number in range(7)]


def _span(number: int, text: str) -> ReadableSpan:
    context = SpanContext(trace_id=1, span_id=number + 1, is_remote=False)
    return ReadableSpan(name=str(number), context=context, attributes={"text": text}, start_time=1, end_time=2)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"namespace": ""}, "LINEAGEHUB_NAMESPACE"),
        ({"kafka_brokers": ""}, "LINEAGEHUB_KAFKA_BROKERS"),
        ({"api_key": ""}, "LINEAGEHUB_API_KEY"),
        ({"api_key": KEY.text[:-1]}, "mistyped"),
        ({"kafka_security_protocol": "TLS"}, "LINEAGEHUB_KAFKA_SECURITY_PROTOCOL is 'TLS'"),
        ({"kafka_security_protocol": "SSL", "kafka_ssl_cafile": "/no/such/file"}, "LINEAGEHUB_KAFKA_SSL_CAFILE"),
        ({"kafka_security_protocol": "SASL_SSL"}, "LINEAGEHUB_KAFKA_SASL_USERNAME"),
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "GSSAPI"},
            "LINEAGEHUB_KAFKA_SASL_MECHANISM is 'GSSAPI'",
        ),
    ],
)
def test_what_is_missing_is_named(config: dict[str, str], words: str) -> None:
    with pytest.raises(TransportRefused, match=words):
        KafkaTransport(LineageHubConfig(**_configuration(**config)))


def test_without_aiokafka_the_command_that_installs_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "lineagehub_sdk.transports._kafka_producer", None)
    sdk.configure(**_configuration())
    _emit("job")
    assert sdk.flush(10)
    assert "pip install 'lineagehub-sdk[kafka]'" in caplog.text


def test_without_cryptography_a_key_of_ed25519_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(TransportRefused, match=r"pip install 'lineagehub-sdk\[kafka,ed25519\]'"):
        Signer(LineageHubConfig(**_configuration(api_key=make_api_key("dev", SignatureAlgorithm.ED25519).text)))
    Signer(LineageHubConfig(**_configuration()))


def test_a_signer_writes_nothing_of_the_key_but_its_public_id() -> None:
    _, _, _, headers = Signer(LineageHubConfig(**_configuration())).spans(b"", "0" * 32, 1)
    assert KEY.kid.encode() == dict(headers)["lh-kid"]
    assert not any(KEY.secret.encode() in value for _, value in headers)


def test_the_brokers_own_refusal_of_a_size_is_told_from_its_absence() -> None:
    from lineagehub_sdk.transports._kafka_producer import _reason

    assert _reason(None) is None
    assert "too_large" in (_reason(MessageSizeTooLargeError()) or "")
    with pytest.raises(OSError, match="away"):
        _reason(OSError("away"))
