"""POST /v1/traces: OTLP/HTTP as SDKs and Collectors speak it, protobuf and JSON, checked span by span, split, never
changed."""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lineagehub.contract.topics import OTEL_SPANS
from lineagehub.web.receivers.otlp_split import split_request
from lineagehub.web.receivers.otlp_traces import TRACES, span_fault
from tests.hub.web.running import Records, RunningWeb, verified
from tests.hub.web.samples import trace_json, trace_request
from tests.support.corpus import otlp_payloads

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


async def send(web: RunningWeb, body: bytes, media_type: str = PROTOBUF, **headers: str) -> tuple[int, bytes]:
    named = web.headers(Content_Type=media_type, **headers)
    async with web.client.post("/v1/traces", data=body, headers=named) as answer:
        if answer.status == 200:
            assert answer.content_type == media_type
        return answer.status, await answer.read()


def record_id(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()[:32]


def spans_of(*requests: ExportTraceServiceRequest) -> list[Span]:
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


async def test_a_protobuf_request_becomes_one_signed_record_of_the_very_bytes(
    web: RunningWeb, records: Records
) -> None:
    body = trace_request(3).SerializeToString() + b"\xba\x3e\x03new"
    assert await send(web, body) == (200, b"\x0a\x00")
    record = await records.one(record_id(body))
    envelope = verified(record, web)
    assert (record.topic, record.key, record.value) == (OTEL_SPANS.name, None, body)
    assert (envelope.namespace, envelope.content_kind) == (web.namespace, "otlp-traces+protobuf;flat")


async def test_a_json_request_is_written_as_protobuf_with_its_ids_read_as_hexadecimal(
    web: RunningWeb, records: Records
) -> None:
    document = trace_json()
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span.update(
        traceId=span["traceId"].upper(),
        kind="SPAN_KIND_CLIENT",
        startTimeUnixNano=1_700_000_000_000_000_000,
        status={"code": 2},
        unknown={"member": ["ignored"]},
        droppedEventsCount=None,
        links=[{"traceId": uuid.uuid4().hex, "spanId": "00f067aa0ba902b7"}],
        attributes=[
            {"key": "count", "value": {"intValue": "-9007199254740993"}},
            {"key": "share", "value": {"doubleValue": "NaN"}},
            {"key": "bytes", "value": {"bytesValue": "AP8="}},
            {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 2}]}}},
        ],
    )
    status, answer = await send(web, json.dumps(document).encode(), JSON)
    assert (status, json.loads(answer)) == (200, {"partialSuccess": {}})
    expected = TRACES.json.encode(document)
    (written,) = spans_of(ExportTraceServiceRequest.FromString((await records.one(record_id(expected))).value))
    assert written.trace_id.hex() == span["traceId"].lower()
    assert written.links[0].span_id.hex() == "00f067aa0ba902b7"
    assert (written.kind, written.status.code, written.start_time_unix_nano) == (3, 2, 1_700_000_000_000_000_000)
    values = [attribute.value for attribute in written.attributes]
    assert values[0].int_value == -9007199254740993
    assert str(values[1].double_value) == "nan"
    assert values[2].bytes_value == b"\x00\xff"
    assert [item.WhichOneof("value") for item in values[3].array_value.values] == ["bool_value", "double_value"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"traceId": "W47/95gDgQPSabYzgT/GDA=="}, "traceId"),
        ({"traceId": "5b8"}, "traceId"),
        ({"startTimeUnixNano": "1.5e18"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "-1"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": 18446744073709551616}, "startTimeUnixNano"),
        ({"name": 5}, "name"),
        ({"kind": "SPAN_KIND_SIDEWAYS"}, "kind"),
        ({"attributes": {"a": "b"}}, "attributes"),
        ({"attributes": [{"key": "a", "value": {"boolValue": "true"}}]}, "attributes/0/value/boolValue"),
    ],
)
async def test_a_span_whose_json_does_not_fit_is_left_out_naming_the_place_and_its_neighbour_is_written(
    web: RunningWeb, records: Records, change: dict[str, Any], pointer: str
) -> None:
    document = trace_json(2)
    good, bad = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    bad.update(change)
    status, answer = await send(web, json.dumps(document).encode(), JSON)
    assert status == 200
    partial = json.loads(answer)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert f"a value at {pointer} that must be" in partial["errorMessage"]
    document["resourceSpans"][0]["scopeSpans"][0]["spans"] = [good]
    written = await records.one(record_id(TRACES.json.encode(document)))
    assert [span.name for span in spans_of(ExportTraceServiceRequest.FromString(written.value))] == [good["name"]]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"resourceSpans": {}}, "/resourceSpans"),
        ({"resourceSpans": [{"schemaUrl": 5}]}, "/resourceSpans/0/schemaUrl"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": "text"}]}]}, "/resourceSpans/0/scopeSpans/0/spans"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [{"trace_id": ""}]}]}]}, "trace_id"),
    ],
)
async def test_json_that_does_not_fit_outside_of_spans_is_refused_naming_the_place(
    web: RunningWeb, document: dict[str, Any], pointer: str
) -> None:
    status, answer = await send(web, json.dumps(document).encode(), JSON)
    assert status == 400
    assert json.loads(answer)["code"] == 3
    assert pointer in json.loads(answer)["message"]


async def test_snake_case_is_refused_and_not_silently_emptied(web: RunningWeb) -> None:
    body = json.dumps({"resource_spans": trace_json()["resourceSpans"]}).encode()
    status, answer = await send(web, body, JSON)
    assert status == 400
    assert "resourceSpans" in json.loads(answer)["message"]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", PROTOBUF),
        (b"{}", JSON),
        (b'{"resourceSpans":[]}', JSON),
        (trace_request(0).SerializeToString(), PROTOBUF),
    ],
)
async def test_an_empty_request_succeeds_and_writes_nothing(
    web: RunningWeb, records: Records, body: bytes, media_type: str
) -> None:
    status, _ = await send(web, body, media_type)
    assert status == 200
    marker = trace_request().SerializeToString()
    await send(web, marker)
    await records.one(record_id(marker))
    assert all(
        spans_of(ExportTraceServiceRequest.FromString(r.value)) for r in records.all if r.topic == OTEL_SPANS.name
    )


async def test_spans_at_fault_are_left_out_and_counted(web: RunningWeb, records: Records) -> None:
    request = trace_request(6)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].trace_id = bytes(16)
    spans[1].trace_id = b"abc"
    spans[2].span_id = b""
    spans[3].end_time_unix_nano = 2**63
    status, answer = await send(web, request.SerializeToString())
    assert status == 200
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert partial.rejected_spans == 4
    assert "trace id" in partial.error_message
    del spans[:4]
    written = await records.one(record_id(request.SerializeToString()))
    assert ExportTraceServiceRequest.FromString(written.value) == request

    document = trace_json(2)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["spanId"] = ""
    status, answer = await send(web, json.dumps(document).encode(), JSON)
    assert status == 200
    assert json.loads(answer)["partialSuccess"]["rejectedSpans"] == "1"


async def test_a_request_larger_than_a_record_is_split_and_nothing_is_lost(web: RunningWeb, records: Records) -> None:
    request = trace_request(spans=40, attribute_bytes=40_000, resources=2)
    request.resource_spans.extend(trace_request(spans=2, attribute_bytes=1_000, resources=3).resource_spans)
    body = request.SerializeToString()
    limit = TRACES.maximum_record_bytes
    assert len(body) > 3 * limit
    assert await send(web, body) == (200, b"\x0a\x00")
    parts = split_request(body, limit).parts
    assert len(parts) > 3
    assert max(map(len, parts)) <= limit
    written = [ExportTraceServiceRequest.FromString((await records.one(record_id(part))).value) for part in parts]
    assert spans_of(*written) == spans_of(request)
    services = {
        resource.resource.attributes[0].value.string_value for part in written for resource in part.resource_spans
    }
    assert services == {"checkout-0", "checkout-1", "checkout-2"}
    assert all(resource.schema_url for part in written for resource in part.resource_spans)


async def test_a_span_larger_than_a_record_is_rejected_alone(web: RunningWeb) -> None:
    request = trace_request(1, attribute_bytes=1_000_000)
    request.resource_spans[0].scope_spans[0].spans.extend(spans_of(trace_request(2)))
    status, answer = await send(web, request.SerializeToString())
    assert status == 200
    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\x07",
        b"\xff" * 50,
        b"\x0a\xff\xff\xff\xff\x7f",
        trace_request(1).SerializeToString()[:-3],
        b"{}",
        b"\x0a" + b"\x80" * 20,
        b"\x0a\x00" * 600_000,
        b"\x0b" * 1_100_000,
        trace_request(30, attribute_bytes=40_000).SerializeToString()[:-1],
    ],
)
async def test_bytes_that_are_no_request_are_refused_in_protobuf(web: RunningWeb, body: bytes) -> None:
    status, answer = await send(web, body)
    assert status in (400, 413)
    assert answer[0] == 0x08, "a google.rpc.Status begins with its code"
    assert answer[2] == 0x12, "and goes on with its message"


@pytest.mark.parametrize("levels", [60, 300])
async def test_values_nested_beyond_what_protobuf_takes_are_refused(web: RunningWeb, levels: int) -> None:
    nested = b'{"arrayValue":{"values":[' * levels + b'{"stringValue":"x"}' + b"]}}" * levels
    attributes = b'"kind": 2, "attributes": [{"key": "deep", "value": ' + nested + b"}]"
    status, answer = await send(web, json.dumps(trace_json()).encode().replace(b'"kind": 2', attributes), JSON)
    assert status == 400
    assert json.loads(answer)["message"]


async def test_brackets_without_end_are_refused(web: RunningWeb) -> None:
    status, answer = await send(web, b'{"resourceSpans":' + b"[" * 100_000, JSON)
    assert status == 400
    assert "too_deep" in json.loads(answer)["message"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/protobuf", "application/json; charset=latin-1"])
async def test_another_content_type_is_refused(web: RunningWeb, media_type: str) -> None:
    status, _ = await send(web, b"{}", media_type)
    assert status == 415


async def test_refusals_are_a_status_in_the_encoding_of_the_request(web: RunningWeb) -> None:
    for media_type, body in ((PROTOBUF, b"\x07"), (JSON, b"{")):
        async with web.client.post("/v1/traces", data=body, headers={"Content-Type": media_type}) as answer:
            assert answer.status == 401
            assert answer.content_type == media_type
            text = await answer.read()
            assert (json.loads(text)["code"] if media_type == JSON else text[1]) == 16


async def test_every_trace_payload_of_the_corpus_comes_out_as_the_collector_decodes_it(
    web: RunningWeb, records: Records
) -> None:
    expected: dict[str, ExportTraceServiceRequest] = {}
    for path, encoding, decoded in otlp_payloads("traces"):
        body = path.read_bytes()
        headers = {"Content_Encoding": "gzip"} if encoding.endswith("gzip") else {}
        status, answer = await send(web, body, JSON if encoding == "json" else PROTOBUF, **headers)
        assert status == 200, (path.name, answer)
        if not decoded.exists():
            continue
        request = ExportTraceServiceRequest.FromString(decoded.read_bytes())
        faults = sum(1 for span in spans_of(request) if span_fault(span))
        partial = (
            int(json.loads(answer)["partialSuccess"].get("rejectedSpans", 0))
            if encoding == "json"
            else ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
        )
        assert partial == faults, path.name
        if not faults:
            plain = gzip.decompress(body) if encoding.endswith("gzip") else body
            value = TRACES.json.encode(json.loads(plain)) if encoding == "json" else plain
            expected[record_id(value)] = request
    for event_id, request in expected.items():
        written = ExportTraceServiceRequest.FromString((await records.of(event_id))[0].value)
        assert _without_empty_status(written) == _without_empty_status(request)


def _without_empty_status(request: ExportTraceServiceRequest) -> list[Span]:
    """Return the spans; the collector writes an empty status where there was none, and that is the same."""
    spans = spans_of(request)
    for span in spans:
        if span.status.ByteSize() == 0:
            span.ClearField("status")
    return spans


async def test_a_request_with_a_map_or_an_array_is_not_called_flat(web: RunningWeb, records: Records) -> None:
    request = trace_request(2)
    request.resource_spans[0].scope_spans[0].spans[1].attributes.add(key="list").value.array_value.SetInParent()
    body = request.SerializeToString()
    assert await send(web, body) == (200, b"\x0a\x00")
    assert verified(await records.one(record_id(body)), web).content_kind == "otlp-traces+protobuf"
