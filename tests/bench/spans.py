"""Trace requests as the anchors have them: 413 B a span, 8 span attributes, 8 resource attributes, one scope; 8 spans a trace."""

from __future__ import annotations

import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

BYTES_A_SPAN = 413
ATTRIBUTES = 8
SPANS_A_TRACE = 8
SEED = 413


def trace_requests(spans: int, count: int) -> list[bytes]:
    """Return `count` different ExportTraceServiceRequests of `spans` spans each, the same at every call but for the time."""
    source = random.Random(SEED)
    return [_trace_request(spans, source) for _ in range(count)]


def spans_in(value: bytes) -> int:
    """Return how many spans a request holds."""
    request = ExportTraceServiceRequest.FromString(value)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def _trace_request(spans: int, source: random.Random) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(_attribute("service.name", "bench"))
    resource.resource.attributes.extend(
        _attribute(f"resource.attribute.{number}", f"value-{number}") for number in range(1, ATTRIBUTES)
    )
    scope = resource.scope_spans.add()
    scope.scope.name = "tests.bench"
    trace_id = b""
    for number in range(spans):
        if number % SPANS_A_TRACE == 0:
            trace_id = source.randbytes(16)
        span = scope.spans.add()
        span.trace_id = trace_id
        span.span_id = source.randbytes(8)
        span.parent_span_id = source.randbytes(8)
        span.name = f"operation-{number % 20}"
        span.kind = Span.SPAN_KIND_SERVER
        span.start_time_unix_nano = time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + source.randrange(1_000_000_000)
        span.attributes.extend(
            _attribute(f"span.attribute.{place}", f"value-{source.randrange(1000)}") for place in range(ATTRIBUTES)
        )
    _fill(request, spans)
    return request.SerializeToString()


def _fill(request: ExportTraceServiceRequest, spans: int) -> None:
    """Make the last attribute of each span longer, until the request has 413 B a span."""
    missing = max(BYTES_A_SPAN * spans - request.ByteSize(), 0)
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.attributes[-1].value.string_value += "x" * (missing // spans + (number < missing % spans))


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
