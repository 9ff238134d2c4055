"""`POST /v1/traces`: OTLP/HTTP spans, as OpenTelemetry SDKs and Collectors send them."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.lineage import Fault
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import OTEL_SPANS
from lineagehub.otlp.outline import SPANS, Outline, Reading
from lineagehub.web.receivers.otlp import Signal, receive
from lineagehub.web.receivers.otlp_json import encoder_of

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
LATEST_NANOSECOND = 2**63 - 1
"""11 April 2262, the end of ClickHouse's DateTime64(9): a later time would come back as one before 1970."""

_NO_TRACE = bytes(TRACE_ID_BYTES)
_NO_SPAN = bytes(SPAN_ID_BYTES)
_BAD_TRACE_ID = Fault("traceId", "a trace id that is not 16 bytes, or all zero")
_BAD_SPAN_ID = Fault("spanId", "a span id that is not 8 bytes, or all zero")
_BAD_TIME = Fault("startTimeUnixNano", "a start or end after the year 2262", Reason.TIMESTAMP_OUT_OF_RANGE)


def span_fault(span: Span) -> Fault | None:
    """Return what is wrong with a span, or None."""
    trace_id = span.trace_id
    if len(trace_id) != TRACE_ID_BYTES or trace_id == _NO_TRACE:
        return _BAD_TRACE_ID
    span_id = span.span_id
    if len(span_id) != SPAN_ID_BYTES or span_id == _NO_SPAN:
        return _BAD_SPAN_ID
    if span.start_time_unix_nano > LATEST_NANOSECOND or span.end_time_unix_nano > LATEST_NANOSECOND:
        return _BAD_TIME
    return None


def spans_fit(reading: Reading) -> bool:
    """Tell whether no span has a fault: 0.9 us a span with the reading, where span by span it would be 1.4."""
    (spans,) = reading.gathered
    trace_ids, span_ids = spans.trace_id[:], spans.span_id[:]
    # An id that is absent, or stands twice, is not told from the others here.
    return (
        len(trace_ids) == len(span_ids) == reading.items
        and {TRACE_ID_BYTES}.issuperset(map(len, trace_ids))
        and {SPAN_ID_BYTES}.issuperset(map(len, span_ids))
        and _NO_TRACE not in trace_ids
        and _NO_SPAN not in span_ids
        and all_before_2262(spans.start_time_unix_nano, spans.end_time_unix_nano)
    )


def all_before_2262(*times: Sequence[int]) -> bool:
    """Tell whether ClickHouse can hold all these nanoseconds."""
    return all(max(column, default=0) <= LATEST_NANOSECOND for column in times)


TRACES = Signal(
    name="traces",
    topic=OTEL_SPANS,
    kind=ContentKind.TRACES,
    request_type=ExportTraceServiceRequest,
    response_type=ExportTraceServiceResponse,
    json=encoder_of(ExportTraceServiceRequest.DESCRIPTOR),
    levels=("resource_spans", "scope_spans"),
    items="spans",
    fault_of=span_fault,
    outline=Outline(
        ExportTraceServiceRequest,
        SPANS,
        gather=("trace_id", "span_id", "start_time_unix_nano", "end_time_unix_nano"),
    ),
    all_fit=spans_fit,
)


async def receive_traces(request: web.Request) -> web.Response:
    """Take one ExportTraceServiceRequest."""
    return await receive(request, TRACES)
