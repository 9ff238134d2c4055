"""`POST /v1/logs`: OTLP/HTTP log records, as OpenTelemetry SDKs and Collectors send them."""

from __future__ import annotations

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.lineage import Fault
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import OTEL_LOGS
from lineagehub.otlp.outline import LOG_RECORDS, Outline, Reading
from lineagehub.web.receivers.otlp import Signal, receive
from lineagehub.web.receivers.otlp_json import encoder_of
from lineagehub.web.receivers.otlp_traces import LATEST_NANOSECOND, SPAN_ID_BYTES, TRACE_ID_BYTES, all_before_2262

_BAD_TRACE_ID = Fault("traceId", "a trace id that is neither empty nor 16 bytes")
_BAD_SPAN_ID = Fault("spanId", "a span id that is neither empty nor 8 bytes")
_BAD_TIME = Fault("timeUnixNano", "a time after the year 2262", Reason.TIMESTAMP_OUT_OF_RANGE)


def log_fault(record: LogRecord) -> Fault | None:
    """Return what is wrong with a log record, or None. Its ids may be absent, which all zeros mean too."""
    if len(record.trace_id) not in (0, TRACE_ID_BYTES):
        return _BAD_TRACE_ID
    if len(record.span_id) not in (0, SPAN_ID_BYTES):
        return _BAD_SPAN_ID
    if record.time_unix_nano > LATEST_NANOSECOND or record.observed_time_unix_nano > LATEST_NANOSECOND:
        return _BAD_TIME
    return None


def logs_fit(reading: Reading) -> bool:
    """Tell whether no log record has a fault."""
    (records,) = reading.gathered
    return (
        {0, TRACE_ID_BYTES}.issuperset(map(len, records.trace_id))
        and {0, SPAN_ID_BYTES}.issuperset(map(len, records.span_id))
        and all_before_2262(records.time_unix_nano, records.observed_time_unix_nano)
    )


LOGS = Signal(
    name="logs",
    topic=OTEL_LOGS,
    kind=ContentKind.LOGS,
    request_type=ExportLogsServiceRequest,
    response_type=ExportLogsServiceResponse,
    json=encoder_of(ExportLogsServiceRequest.DESCRIPTOR),
    levels=("resource_logs", "scope_logs"),
    items="log_records",
    fault_of=log_fault,
    outline=Outline(
        ExportLogsServiceRequest,
        LOG_RECORDS,
        gather=("trace_id", "span_id", "time_unix_nano", "observed_time_unix_nano"),
    ),
    all_fit=logs_fit,
)


async def receive_logs(request: web.Request) -> web.Response:
    """Take one ExportLogsServiceRequest."""
    return await receive(request, LOGS)
