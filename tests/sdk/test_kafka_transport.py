"""The kafka transport against a real broker: keys, headers and signature as the hub's contract says; the extra named when missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import lineagehub_sdk as sdk
import pytest
from aiokafka import AIOKafkaConsumer
from lineagehub_sdk import _otel
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.errors import TransportRefused
from lineagehub_sdk.transports.kafka import KafkaTransport
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.auth.api_keys import make_api_key
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.headers import derive_signing_key, read_headers
from tests.support.broker import EmbeddedBroker, start_embedded_broker

KEY = make_api_key("dev")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with the contract's topics."""
    with start_embedded_broker() as running:
        yield running


async def test_lineage_and_spans_arrive_signed_by_the_key(broker: EmbeddedBroker) -> None:
    from lineagehub_sdk.telemetry import configure_telemetry

    await apply_topics(broker.settings())
    config = sdk.configure(
        transport="kafka", kafka_brokers=broker.address, api_key=KEY.text, namespace="team-a", flush_interval=0.01
    )
    provider = configure_telemetry("service", config)
    with sdk.run("outer") as outer, sdk.run("inner"):
        pass
    provider.shutdown()
    _otel.use_tracer(None)
    assert sdk.flush(30)

    consumer = AIOKafkaConsumer(
        "openlineage-events", "otel-spans", bootstrap_servers=broker.address, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        records = [await consumer.getone() for _ in range(5)]
    finally:
        await consumer.stop()
    signing_key = derive_signing_key(KEY.secret, KEY.kid)
    for record in records:
        envelope, signature = read_headers(record.headers)
        assert (envelope.namespace, envelope.key_id) == ("team-a", KEY.kid)
        assert envelope.signature(signing_key, record.topic, record.value) == signature
    lineage = [record for record in records if record.topic == "openlineage-events"]
    assert {record.key for record in lineage} == {b"run:default/outer"}
    trace_ids = {json.loads(record.value)["run"]["facets"]["lineagehub_trace"]["traceId"] for record in lineage}
    assert len(trace_ids) == 1
    spans = [record for record in records if record.topic == "otel-spans"]
    request = ExportTraceServiceRequest.FromString(spans[0].value)
    sent = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    assert {span.trace_id.hex() for span in sent} == trace_ids
    runs = {pair.value.string_value for span in sent for pair in span.attributes if pair.key == "lineage.run_id"}
    assert outer.run_id in runs


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (LineageHubConfig(), "LINEAGEHUB_KAFKA_BROKERS and LINEAGEHUB_NAMESPACE"),
        (LineageHubConfig(kafka_brokers="x", namespace="n", api_key="lh_dev_mistyped"), "mistyped"),
    ],
)
def test_what_is_missing_is_named(config: LineageHubConfig, words: str) -> None:
    with pytest.raises(TransportRefused, match=words):
        KafkaTransport(config)
