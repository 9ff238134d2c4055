"""POST /api/v1/telemetry/ingest: the hub's own JSON becomes OTLP, item by item, with a result for each."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from lineagehub.contract.topics import OTEL_METRICS, OTEL_SPANS
from tests.hub.web.running import Records, RunningWeb, verified
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRITTEN_SECONDS = 15


def span(**changes: Any) -> dict[str, Any]:
    """Return a span of the hub's JSON, new ids, with members replaced."""
    return {
        "traceId": uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "operationName": "load",
        "serviceName": "checkout",
        "startTime": 1_700_000_000_000,
        "duration": 1_500,
        "kind": "INTERNAL",
        "status": {"code": "OK"},
        "tags": {},
        "logs": [],
        **changes,
    }


def metric(**changes: Any) -> dict[str, Any]:
    """Return a metric of the hub's JSON with members replaced."""
    return {
        "name": "rows_total",
        "type": "counter",
        "value": 7,
        "unit": "{row}",
        "serviceName": "checkout",
        "timestamp": 1_700_000_000_000,
        "tags": {"table": "orders"},
        **changes,
    }


async def send(web: RunningWeb, body: bytes | dict[str, Any]) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = web.headers(Content_Type="application/json")
    async with web.client.post("/api/v1/telemetry/ingest", data=data, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def traces_of(records: Records, web: RunningWeb, source: str, count: int) -> list[ResourceSpans]:
    """Return the resources that `source` sent, once they hold `count` spans."""
    return await _resources(records, web, source, count, OTEL_SPANS.name)


async def metrics_of(records: Records, web: RunningWeb, source: str, count: int) -> list[ResourceMetrics]:
    """Return the resources that `source` sent, once they hold `count` metrics."""
    return await _resources(records, web, source, count, OTEL_METRICS.name)


async def _resources(records: Records, web: RunningWeb, source: str, count: int, topic: str) -> list[Any]:
    found: list[Any] = []

    async def written() -> bool:
        found[:] = []
        items = 0
        for record in records.all:
            if record.topic != topic or source.encode() not in record.value:
                continue
            verified(record, web)
            if topic == OTEL_SPANS.name:
                traces = ExportTraceServiceRequest.FromString(record.value).resource_spans
                found.extend(traces)
                items += sum(len(resource.scope_spans[0].spans) for resource in traces)
            else:
                metrics = ExportMetricsServiceRequest.FromString(record.value).resource_metrics
                found.extend(metrics)
                items += sum(len(resource.scope_metrics[0].metrics) for resource in metrics)
        return items >= count

    await wait_until_async(written, WRITTEN_SECONDS, f"{count} items from {source}")
    return found


async def one_span(web: RunningWeb, records: Records, body: dict[str, Any] | bytes) -> Span:
    """Send one span and return it as it was written."""
    source = uuid.uuid4().hex
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, receipt = await send(web, b'{"source":"%s","traces":[%s]}' % (source.encode(), text))
    assert (status, receipt["accepted"]) == (200, 1), receipt
    (resource,) = await traces_of(records, web, source, 1)
    return resource.scope_spans[0].spans[0]


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"telemetry_request": body}])
async def test_spans_and_metrics_are_taken_flat_and_wrapped_and_grouped_by_service(
    web: RunningWeb, records: Records, wrap: Any
) -> None:
    source = uuid.uuid4().hex
    body = {
        "namespace": web.namespace,
        "source": source,
        "traces": [span(), span(serviceName="billing"), span()],
        "metrics": [metric(), metric(type="gauge", serviceName="billing", value=0.5)],
    }
    assert await send(web, wrap(body)) == (
        200,
        {
            "accepted": 5,
            "rejected": 0,
            "traces_accepted": 3,
            "traces_rejected": 0,
            "metrics_accepted": 2,
            "metrics_rejected": 0,
            "errors": [],
            "namespace": web.namespace,
        },
    )
    traces = await traces_of(records, web, source, 3)
    services = {
        r.resource.attributes[0].value.string_value: len(r.scope_spans[0].spans)
        for r in traces
        if r.resource.attributes[0].key == "service.name"
    }
    assert services == {"checkout": 2, "billing": 1}
    assert {resource.scope_spans[0].scope.name for resource in traces} == {source}
    counter, gauge = [r.scope_metrics[0].metrics[0] for r in await metrics_of(records, web, source, 2)]
    assert (counter.name, counter.unit, counter.sum.is_monotonic) == ("rows_total", "{row}", True)
    assert counter.sum.aggregation_temporality == 1, "delta, when nothing says otherwise"
    point = counter.sum.data_points[0]
    assert (point.as_int, point.time_unix_nano) == (7, 1_700_000_000_000_000_000)
    assert (point.attributes[0].key, point.attributes[0].value.string_value) == ("table", "orders")
    assert gauge.gauge.data_points[0].as_double == 0.5


async def test_a_span_comes_out_whole(web: RunningWeb, records: Records) -> None:
    given = span(
        traceId="5B8EFFF798038103D269B633813FC60C",
        parentSpanId="00f067aa0ba902b7",
        kind="SPAN_KIND_CLIENT",
        status={"code": "ERROR", "message": "no such table"},
        tags={"text": "é\u0000", "whole": 2**53 + 1, "share": 0.25, "yes": True, "list": [1, "a"], "map": {"a": None}},
        logs=[
            {"timestamp": 1_700_000_000_001, "fields": {"event": "retry", "attempt": 2}},
            {"timestamp": 1_700_000_000_001_000, "name": "given up"},
        ],
    )
    written = await one_span(web, records, given)
    assert written.trace_id.hex() == given["traceId"].lower()
    assert (written.span_id.hex(), written.parent_span_id.hex()) == (given["spanId"], "00f067aa0ba902b7")
    assert (written.name, written.kind) == ("load", Span.SPAN_KIND_CLIENT)
    assert (written.status.code, written.status.message) == (2, "no such table")
    values = {attribute.key: attribute.value for attribute in written.attributes}
    assert values["text"].string_value == "é\u0000"
    assert values["whole"].int_value == 2**53 + 1
    assert values["share"].double_value == 0.25
    assert values["yes"].bool_value
    assert [value.WhichOneof("value") for value in values["list"].array_value.values] == ["int_value", "string_value"]
    assert values["map"].kvlist_value.values[0].value.WhichOneof("value") is None
    retry, given_up = written.events
    assert (retry.name, given_up.name) == ("retry", "given up")
    assert retry.time_unix_nano == given_up.time_unix_nano, "microseconds, as Jaeger's, are told from milliseconds"
    assert retry.attributes[1].value.int_value == 2


@pytest.mark.parametrize(
    ("start", "duration", "nanoseconds", "length"),
    [
        (b"1700000000000", b"0", 1_700_000_000_000_000_000, 0),
        (b"1700000000000.5", b"12.5", 1_700_000_000_000_500_000, 12_500),
        (b"1700000000000.123456", b"0.001", 1_700_000_000_000_123_456, 1),
        (b"1.7e12", b"1e3", 1_700_000_000_000_000_000, 1_000_000),
    ],
)
async def test_times_are_kept_to_the_nanosecond(
    web: RunningWeb, records: Records, start: bytes, duration: bytes, nanoseconds: int, length: int
) -> None:
    body = json.dumps(span(startTime=1, duration=2)).encode()
    body = body.replace(b'"startTime": 1', b'"startTime": ' + start).replace(
        b'"duration": 2', b'"duration": ' + duration
    )
    written = await one_span(web, records, body)
    assert written.start_time_unix_nano == nanoseconds
    assert written.end_time_unix_nano - written.start_time_unix_nano == length


async def test_members_that_may_be_missing_or_null_have_defaults(web: RunningWeb, records: Records) -> None:
    given = span(parentSpanId=None, kind=None, status=None, tags=None, logs=None, fromTheFuture=[1])
    del given["serviceName"]
    written = await one_span(web, records, given)
    assert (written.kind, written.status.code, written.parent_span_id) == (Span.SPAN_KIND_INTERNAL, 0, b"")


@pytest.mark.parametrize(
    ("bad", "pointer", "reason"),
    [
        (span(traceId="5b8"), "/traceId", "schema_invalid"),
        (span(traceId=None), "/traceId", "schema_invalid"),
        (span(traceId="0" * 32), "/traceId", "schema_invalid"),
        (span(spanId="W47/95gDgQPSabYz"), "/spanId", "schema_invalid"),
        (span(parentSpanId="x"), "/parentSpanId", "schema_invalid"),
        (span(operationName=""), "/operationName", "schema_invalid"),
        (span(startTime="2026-01-31"), "/startTime", "schema_invalid"),
        (span(startTime=-1), "/startTime", "timestamp_out_of_range"),
        (span(startTime=1_700_000_000_000_000_000), "/startTime", "timestamp_out_of_range"),
        (span(duration=-0.5), "/duration", "timestamp_out_of_range"),
        (span(duration=1e300), "/duration", "timestamp_out_of_range"),
        (span(kind="SIDEWAYS"), "/kind", "schema_invalid"),
        (span(kind=6), "/kind", "schema_invalid"),
        (span(status={"code": "FINE"}), "/status/code", "schema_invalid"),
        (span(status=1), "/status", "schema_invalid"),
        (span(tags=[]), "/tags", "schema_invalid"),
        (span(tags={"a/b": 2**64}), "/tags/a~1b", "schema_invalid"),
        (span(logs=[{"timestamp": 1}, {"fields": {}}]), "/logs/1", "schema_invalid"),
        (span(logs=[{"timestamp": -1}]), "/logs/0/timestamp", "timestamp_out_of_range"),
        ("text", "", "schema_invalid"),
        ({}, "", "schema_invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_span_at_fault_is_named_and_its_neighbours_are_written(
    web: RunningWeb, records: Records, bad: Any, pointer: str, reason: str
) -> None:
    source = uuid.uuid4().hex
    status, receipt = await send(web, {"source": source, "traces": [span(), bad, span()], "metrics": [metric()]})
    assert status == 200
    assert (receipt["accepted"], receipt["rejected"]) == (3, 1)
    (error,) = receipt["errors"]
    assert (error["signal"], error["index"], error["reason"]) == ("traces", 1, reason)
    assert error["pointer"] == f"/traces/1{pointer}"
    assert error["detail"]
    (resource,) = await traces_of(records, web, source, 2)
    assert len(resource.scope_spans[0].spans) == 2


@pytest.mark.parametrize(
    ("bad", "pointer", "reason"),
    [
        (metric(type="histogram"), "/type", "schema_invalid"),
        (metric(type=None), "/type", "schema_invalid"),
        (metric(value=-1), "/value", "schema_invalid"),
        (metric(value="7"), "/value", "schema_invalid"),
        (metric(value=True), "/value", "schema_invalid"),
        (metric(temporality="sometimes"), "/temporality", "schema_invalid"),
        (metric(name=""), "/name", "schema_invalid"),
        (metric(timestamp=10**16), "/timestamp", "timestamp_out_of_range"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_metric_at_fault_is_named_and_its_neighbours_are_written(
    web: RunningWeb, records: Records, bad: Any, pointer: str, reason: str
) -> None:
    source = uuid.uuid4().hex
    status, receipt = await send(web, {"telemetry_request": {"source": source, "metrics": [bad, metric()]}})
    assert status == 200
    assert (receipt["metrics_accepted"], receipt["metrics_rejected"]) == (1, 1)
    (error,) = receipt["errors"]
    assert (error["signal"], error["index"], error["reason"]) == ("metrics", 0, reason)
    assert error["pointer"] == f"/telemetry_request/metrics/0{pointer}"
    await metrics_of(records, web, source, 1)


async def test_a_counter_may_be_cumulative_and_numbers_keep_their_kind(web: RunningWeb, records: Records) -> None:
    source = uuid.uuid4().hex
    sent = [metric(temporality="cumulative", value=2**53 + 1), metric(value=1.5), metric(type="gauge", value=2**63)]
    assert (await send(web, {"source": source, "metrics": sent}))[1]["accepted"] == 3
    (resource,) = await metrics_of(records, web, source, 3)
    first, second, third = resource.scope_metrics[0].metrics
    assert (first.sum.aggregation_temporality, first.sum.data_points[0].as_int) == (2, 2**53 + 1)
    assert second.sum.data_points[0].as_double == 1.5
    assert third.gauge.data_points[0].as_double == 2.0**63


async def test_json_that_is_not_strict_is_an_items_own_fault(web: RunningWeb) -> None:
    good = json.dumps(span()).encode()
    deep = good.replace(b'"tags": {}', b'"tags": {"a":' + b"[" * 20 + b"]" * 20 + b"}")
    twice = good.replace(b'"tags": {}', b'"tags": {"a":1,"a":2}')
    text = good.replace(b"load", b"\xff")
    status, receipt = await send(web, b'{"traces":[' + b",".join([deep, good, twice, text]) + b"]}")
    assert status == 200
    assert [(error["index"], error["reason"]) for error in receipt["errors"]] == [
        (0, "too_deep"),
        (2, "duplicate_key"),
        (3, "invalid_unicode"),
    ]


async def test_a_thousand_of_each_are_taken_and_cut_to_records_and_one_more_is_too_many(
    web: RunningWeb, records: Records
) -> None:
    source = uuid.uuid4().hex
    traces = [span(tags={"load": "x" * 3_000}) for _ in range(1_000)]
    metrics = [metric(value=number) for number in range(1_000)]
    status, receipt = await send(web, {"source": source, "traces": traces, "metrics": metrics})
    assert (status, receipt["accepted"]) == (200, 2_000)
    resources = await traces_of(records, web, source, 1_000)
    assert len(resources) > 2, "more than a record holds"
    written = [s.span_id.hex() for resource in resources for s in resource.scope_spans[0].spans]
    assert sorted(written) == sorted(given["spanId"] for given in traces)
    status, problem = await send(web, {"traces": [*traces, span()]})
    assert (status, problem["reason"], problem["errors"][0]["pointer"]) == (422, "schema_invalid", "/traces")


async def test_an_item_larger_than_a_record_is_refused_alone(web: RunningWeb) -> None:
    status, receipt = await send(web, {"traces": [span(tags={"load": "x" * 1_000_000}), span()]})
    assert (status, receipt["accepted"]) == (200, 1)
    assert receipt["errors"][0]["reason"] == "payload_too_large"


async def test_another_namespace_than_the_keys_is_refused_whole(web: RunningWeb) -> None:
    for body in ({"namespace": "team-b", "traces": [span()]}, {"namespace": "team-b"}):
        status, problem = await send(web, body)
        assert (status, problem["reason"]) == (403, "namespace_mismatch")
    status, problem = await send(web, {"telemetry_request": {"namespace": "team-b", "traces": [span()]}})
    assert (status, problem["errors"][0]["pointer"]) == (403, "/telemetry_request/namespace")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "empty_body"),
        (b"{", 400, "invalid_json"),
        (b"[]", 422, "schema_invalid"),
        (b"{}", 422, "schema_invalid"),
        (b'{"traces":[],"metrics":[]}', 422, "schema_invalid"),
        (b'{"traces":{}}', 422, "schema_invalid"),
        (b'{"traces":null}', 422, "schema_invalid"),
        (b'{"telemetry_request":7}', 422, "schema_invalid"),
        (b'{"traces":' + b"[" * 100_000, 400, "too_deep"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else None,
)
async def test_a_wrong_envelope_is_refused_whole(web: RunningWeb, body: bytes, status: int, reason: str) -> None:
    answered, problem = await send(web, body)
    assert (answered, problem["reason"]) == (status, reason)
