"""Trace records: a signed request that parses goes on byte for byte; one that does not cannot fail its batch."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, Rejected
from lineagehub_agents.processors.telemetry import traces_processor
from lineagehub_agents.processors.verification import Verifier
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub.settings import KafkaSettings
from tests.support.signing import Tenancy

TOPIC = "otel-spans"
NOW_MS = round(datetime.now(UTC).timestamp() * 1000)
TENANCY = Tenancy()
TENANT = TENANCY.tenant()[0]


def check(value: bytes, kind: str = ContentKind.TRACES) -> CheckedRecord:
    headers = TENANT.headers(TOPIC, value, kind, "event-1", NOW_MS)
    record = Record(Partition(TOPIC, 0), 7, NOW_MS, None, value, tuple(headers))
    return traces_processor(Verifier(TENANCY.directory, KafkaSettings())).check(record)


def request() -> bytes:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.name = "load orders"
    span.trace_id = bytes(16)
    return message.SerializeToString()


def nested_attribute(levels: int) -> bytes:
    message = ExportTraceServiceRequest()
    value = message.resource_spans.add().scope_spans.add().spans.add().attributes.add().value
    for _ in range(levels):
        value = value.array_value.values.add()
    return message.SerializeToString()


@pytest.mark.parametrize(
    "value", [request(), b"", request() * 3, b"\xa2\x06\x01x"], ids=["one", "none", "many", "later"]
)
def test_a_request_that_parses_goes_on_byte_for_byte(value: bytes) -> None:
    assert check(value).value == value


@pytest.mark.parametrize(
    "value",
    [b"\xff\xff", request()[:-1], b"{}", b"\x0a\xff\xff\xff\xff\x0f", b'{"resourceSpans":[]}'],
    ids=["garbage", "truncated", "json", "endless", "otlp-json"],
)
def test_bytes_that_are_no_request_are_refused_in_the_tenants_lane(value: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        check(value)
    assert (caught.value.reason, caught.value.namespace) == (Reason.INVALID_PROTOBUF, "analytics")


def test_a_request_nested_beyond_what_parsers_take_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        check(nested_attribute(100))
    assert caught.value.reason is Reason.INVALID_PROTOBUF


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        check(request(), ContentKind.LOGS)
    assert caught.value.reason is Reason.BAD_ENVELOPE
