"""What a receiver of OTLP/HTTP answers: one row a probe, our answer beside that of the OpenTelemetry Collector (0.161.0).

Where the two differ, the row says why: the specification demands it, or the Collector's answer loses data silently.
"""

from __future__ import annotations

import copy
import gzip
import json
import uuid
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from backports import zstd
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.hub.web.running import RunningWeb
from tests.hub.web.samples import trace_json, trace_request

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
MEBIBYTE = 1_048_576

RESPONSES: dict[str, tuple[type[Message], str]] = {
    "/v1/traces": (ExportTraceServiceResponse, "rejected_spans"),
    "/v1/metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
    "/v1/logs": (ExportLogsServiceResponse, "rejected_log_records"),
}

SILENT = "the Collector answers 200 and stores nothing"
PER_ITEM = "one bad item does not fail its neighbours: it is left out, and counted in partial_success"
BY_ITS_STATUS = "415 says that the encoding, not the data, is the matter"
TOO_LARGE = "the specification demands 413"


@dataclass(frozen=True)
class Probe:
    """One request, the Collector's status (None: not probed) and ours; `rejected` items; `why` ours differs."""

    name: str
    body: Callable[[], bytes]
    collector: int | None
    ours: int
    why: str = ""
    media_type: str | None = PROTOBUF
    encoding: str = ""
    method: str = "POST"
    path: str = "/v1/traces"
    rejected: int = 0
    chunked: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def as_json(name: str, body: Callable[[], Any], collector: int | None, ours: int, why: str = "", **more: Any) -> Probe:
    """Return a probe in JSON; a body that is not bytes is encoded."""

    def encoded() -> bytes:
        document = body()
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    return Probe(name, encoded, collector, ours, why, **({"media_type": JSON} | more))


def a_span(**changes: Any) -> Callable[[], dict[str, Any]]:
    """Return a request of two spans, the first with members replaced: the second is its good neighbour."""

    def document() -> dict[str, Any]:
        request = trace_json(2)
        request["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(changes)
        return request

    return document


def a_point(**value: Any) -> Callable[[], dict[str, Any]]:
    """Return a metrics request of one gauge with one point."""
    point = {"timeUnixNano": "1700000000000000000", **value}
    return lambda: {
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [point]}}]}]}]
    }


def spans() -> bytes:
    """Return a request of new spans."""
    return trace_request(2).SerializeToString()


def spans_in_snake_case() -> dict[str, Any]:
    """Return a request whose first key is the protobuf field's name."""
    return {"resource_spans": trace_json()["resourceSpans"]}


def spans_with_unknown_members() -> dict[str, Any]:
    """Return a request with members that no version of OTLP has, at every level."""
    request = copy.deepcopy(trace_json())
    resource = request["resourceSpans"][0]
    for message in (request, resource, resource["scopeSpans"][0], resource["scopeSpans"][0]["spans"][0]):
        message["fromTheFuture"] = {"value": [1]}
    return request


def padded(mebibytes: int) -> bytes:
    """Return an empty request in JSON with that much white space."""
    return b'{"resourceSpans":[' + b" " * (mebibytes * MEBIBYTE) + b"]}"


def of(data: bytes) -> Callable[[], bytes]:
    """Return a body that is always the same."""
    return lambda: data


PROBES = (
    Probe("pb ok", spans, 200, 200),
    as_json("json ok", trace_json, 200, 200),
    as_json("json with charset", trace_json, 200, 200, media_type="application/json; charset=utf-8"),
    Probe("pb gzip", lambda: gzip.compress(spans()), 200, 200, encoding="gzip"),
    as_json("json gzip", lambda: gzip.compress(json.dumps(trace_json()).encode()), 200, 200, encoding="gzip"),
    Probe("pb deflate(zlib)", lambda: zlib.compress(spans()), 200, 200, encoding="deflate"),
    Probe("bad encoding name", spans, 400, 415, BY_ITS_STATUS, encoding="lzma"),
    Probe("gzip header, plain body", spans, 400, 400, encoding="gzip"),
    Probe("gzip truncated", lambda: gzip.compress(spans())[:-20], 400, 400, encoding="gzip"),
    Probe("empty body pb", of(b""), 200, 200),
    as_json("empty body json", of(b""), 400, 400),
    as_json("{} json", of(b"{}"), 200, 200),
    as_json("json null", of(b"null"), 200, 400, SILENT),
    as_json("json array", of(b"[]"), 400, 400),
    Probe("no content-type", spans, 415, 415, media_type=None),
    Probe("text/plain", spans, 415, 415, media_type="text/plain"),
    Probe("application/protobuf", spans, 415, 415, media_type="application/protobuf"),
    Probe("GET", of(b""), 405, 405, method="GET"),
    Probe("PUT", spans, 405, 405, method="PUT"),
    Probe("OPTIONS", of(b""), 405, 405, method="OPTIONS"),
    Probe("unknown path", spans, 404, 404, path="/v1/unknown"),
    Probe("trailing slash", spans, 404, 404, path="/v1/traces/"),
    Probe("garbage pb", of(b"\xff" * 50), 400, 400),
    Probe("truncated pb", lambda: spans()[:-3], 400, 400),
    Probe("json body as pb", lambda: json.dumps(trace_json()).encode(), 400, 400),
    as_json("bad json", lambda: json.dumps(trace_json()).encode()[:-3], 400, 400),
    as_json("traceId uppercase hex", a_span(traceId=uuid.uuid4().hex.upper()), 200, 200),
    as_json("traceId base64", a_span(traceId="W47/95gDgQPSabYzgT/GDA=="), 400, 200, PER_ITEM, rejected=1),
    as_json("traceId 8 bytes hex", a_span(traceId="5b8efff798038103"), 400, 200, PER_ITEM, rejected=1),
    as_json("traceId empty", a_span(traceId=""), 200, 200, rejected=1),
    as_json("traceId odd hex", a_span(traceId="5b8"), 400, 200, PER_ITEM, rejected=1),
    as_json("traceId all zero", a_span(traceId="0" * 32), 200, 200, rejected=1),
    as_json("kind enum name", a_span(kind="SPAN_KIND_SERVER"), 200, 200),
    as_json("kind unknown int", a_span(kind=77), 200, 200),
    as_json("nano as number", a_span(startTimeUnixNano=1_700_000_000_000_000_000), 200, 200),
    as_json("nano as float text", a_span(startTimeUnixNano="1.5e18"), 400, 200, PER_ITEM, rejected=1),
    as_json("nano negative", a_span(startTimeUnixNano="-1"), 400, 200, PER_ITEM, rejected=1),
    as_json("unknown field", spans_with_unknown_members, 200, 200),
    as_json("snake_case keys", spans_in_snake_case, 200, 400, SILENT),
    as_json(
        "end before start",
        a_span(startTimeUnixNano="1700000000000000000", endTimeUnixNano="1600000000000000000"),
        200,
        200,
    ),
    as_json("bytesValue base64", a_span(attributes=[{"key": "b", "value": {"bytesValue": "AP8="}}]), 200, 200),
    as_json("21MiB body", lambda: padded(21), 400, 413, TOO_LARGE),
    as_json(
        "gzip bomb 21MiB",
        lambda: gzip.compress(padded(21)),
        400,
        200,
        "the specification recommends to take 64 MiB decoded",
        encoding="gzip",
    ),
    # Ours: what the Collector was not asked.
    as_json("gzip bomb 65MiB", lambda: gzip.compress(padded(65)), None, 413, encoding="gzip"),
    Probe("pb gzip bomb 65MiB", lambda: gzip.compress(bytes(65 * MEBIBYTE)), None, 413, encoding="gzip"),
    Probe("pb zstd", lambda: zstd.compress(spans()), None, 200, encoding="zstd"),
    as_json("json zstd", lambda: zstd.compress(json.dumps(trace_json()).encode()), None, 200, encoding="zstd"),
    as_json("json deflate", lambda: zlib.compress(json.dumps(trace_json()).encode()), None, 200, encoding="deflate"),
    Probe("pb chunked", spans, None, 200, chunked=True),
    as_json("json chunked", trace_json, None, 200, chunked=True),
    Probe("pb gzip chunked", lambda: gzip.compress(spans()), None, 200, encoding="gzip", chunked=True),
    as_json("snake_case member of a span", a_span(trace_id=uuid.uuid4().hex), None, 400),
    as_json("time after 2262", a_span(endTimeUnixNano=2**64 - 1), None, 200, rejected=1),
    as_json("kind unknown name", a_span(kind="SPAN_KIND_SIDEWAYS"), None, 200, rejected=1),
    as_json("a span that is no object", lambda: _with_span("text"), None, 200, rejected=1),
    as_json("a link's traceId base64", a_span(links=[{"traceId": "W47/95gD"}]), None, 200, rejected=1),
    as_json("a resource that is no object", lambda: {"resourceSpans": ["text"]}, None, 400),
)


def _with_span(span: Any) -> dict[str, Any]:
    request = trace_json(1)
    request["resourceSpans"][0]["scopeSpans"][0]["spans"].append(span)
    return request


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
async def test_an_otlp_receiver_answers(web: RunningWeb, probe: Probe) -> None:
    headers = web.headers()
    if probe.media_type:
        headers["Content-Type"] = probe.media_type
    if probe.encoding:
        headers["Content-Encoding"] = probe.encoding
    body = probe.body()
    async with web.client.request(
        probe.method,
        probe.path,
        data=_in_chunks(body) if probe.chunked else body,
        headers=headers,
        skip_auto_headers=["Content-Type"],
    ) as answer:
        content = await answer.read()
        assert answer.status == probe.ours, content
        if probe.ours == 404:
            return
        speaks_protobuf = probe.media_type == PROTOBUF
        assert answer.content_type == (PROTOBUF if speaks_protobuf else JSON), "the answer is in the request's encoding"
        if answer.status == 200:
            assert rejected_in(content, probe) == probe.rejected
        else:
            status = Status.FromString(content) if speaks_protobuf else Status(**json.loads(content))
            assert status.code
            assert status.message


def rejected_in(content: bytes, probe: Probe) -> int:
    """Return how many items the answer says were left out; fail unless it gives a reason for them and only for them."""
    response_type, member = RESPONSES[probe.path]
    if probe.media_type == PROTOBUF:
        partial: Any = response_type.FromString(content)
        count, message = getattr(partial.partial_success, member), partial.partial_success.error_message
    else:
        document = json.loads(content)["partialSuccess"]
        words = member.split("_")
        count = int(document.get(words[0] + "".join(word.capitalize() for word in words[1:]), 0))
        message = document.get("errorMessage", "")
    assert bool(count) == bool(message)
    return int(count)


async def test_every_probe_that_differs_from_the_collector_says_why() -> None:
    assert [probe.name for probe in PROBES if bool(probe.why) != (probe.collector not in (None, probe.ours))] == []
