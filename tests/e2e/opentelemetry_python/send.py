"""An unmodified opentelemetry-sdk (Python) application: what tests/e2e/opentelemetry_js/send.cjs sends, too. Run by test_otlp_senders.py.

Knows nothing of where it sends to: that is in OTEL_* variables. Prints the trace id of its spans.
"""

from __future__ import annotations

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

SPANS = 700
LOG_RECORDS = 600

traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
exponential = View(instrument_name="row.size", aggregation=ExponentialBucketHistogramAggregation())
metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], views=[exponential])
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))

tracer = traces.get_tracer("shop.loader", "1.2.3")
with tracer.start_as_current_span("load", kind=SpanKind.CONSUMER) as load:
    for number in range(SPANS - 2):
        with tracer.start_as_current_span("step", attributes={"number": number, "ratio": 0.5, "last": False}) as step:
            step.add_event("row", {"table": "größe"})
    with tracer.start_as_current_span("write", kind=SpanKind.CLIENT, links=[Link(load.get_span_context())]) as write:
        write.set_status(Status(StatusCode.ERROR, "the disk is full"))
    logger = logs.get_logger("shop.loader")
    for number in range(LOG_RECORDS):
        logger.emit(
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body=f"row {number} is late",
            attributes={"number": number},
        )

meter = metrics.get_meter("shop.loader")
read = meter.create_counter("orders.read", unit="{order}", description="Orders read")
read.add(3, {"shop": "a"})
read.add(4, {"shop": "a"})
connections = meter.create_up_down_counter("connections.open")
connections.add(5)
connections.add(-2)
meter.create_gauge("queue.depth").set(17.5)
duration = meter.create_histogram("load.duration", unit="ms")
size = meter.create_histogram("row.size")
for value in (1, 7, 120):
    duration.record(value)
    size.record(value)

for provider in (traces, metrics, logs):
    provider.shutdown()
print(f"{load.get_span_context().trace_id:032x}")
