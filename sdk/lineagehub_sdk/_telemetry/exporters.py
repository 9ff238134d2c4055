"""OpenTelemetry exporters that ship by the SDK's transport: over HTTP with the API key, or signed, straight to Kafka.

Imported by `telemetry` only, which says what to install where OpenTelemetry is missing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from lineagehub_sdk import _wire
from lineagehub_sdk._client import current_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import never_raise, warn
from lineagehub_sdk._wire import Record
from lineagehub_sdk.errors import LineageHubSdkError, TransportRefused
from lineagehub_sdk.transports.kafka import Signer, open_producer

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from lineagehub_sdk.transports._kafka_producer import KafkaProducer

Item = TypeVar("Item")
SignRecord = Callable[[bytes, str, int], Record]
"""Signs a request as a record, with its id and its time in milliseconds since the epoch."""

LARGEST_RECORD_BYTES = 1_000_000
"""The topics of telemetry take 1 MiB a record, headers included."""

DELTA: dict[type, AggregationTemporality] = dict.fromkeys(
    (Counter, ObservableCounter, Histogram), AggregationTemporality.DELTA
)
"""What was counted since the last export: runs of many short processes of one name can be added up, totals of each could not."""


class KafkaSpanExporter(SpanExporter):
    """Exports spans as signed records of otel-spans: what the hub's HTTP route would write."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when something is missing: the key, the namespace, the brokers or the package."""
        self._signer = Signer(config)
        self._producer = open_producer(config)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans and wait for the acknowledgement; called by a span processor. Never raises; a failure is logged."""
        sent = send(self._producer, "spans", lambda: records(spans, encode_spans, self._signer.spans))
        return SpanExportResult.SUCCESS if sent else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the connection; every export has waited for its acknowledgement."""
        self._producer.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


class KafkaMetricExporter(MetricExporter):
    """Exports metrics as signed records of otel-metrics, one for each export."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when something is missing: the key, the namespace, the brokers or the package."""
        super().__init__(preferred_temporality=DELTA)
        self._signer = Signer(config)
        self._producer = open_producer(config)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Send metrics and wait for the acknowledgement; called by a reader. Never raises; a failure is logged."""
        sent = send(self._producer, "metrics", lambda: [record(encode_metrics(metrics_data), self._signer.metrics)])
        return MetricExportResult.SUCCESS if sent else MetricExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close the connection; every export has waited for its acknowledgement."""
        self._producer.close()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return True


class DiscardingSpanExporter(SpanExporter):
    """Ships nothing: there is no way to the hub."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Forget them."""
        return SpanExportResult.SUCCESS


class DiscardingMetricExporter(MetricExporter):
    """Ships nothing: there is no way to the hub."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Forget them."""
        return MetricExportResult.SUCCESS

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return True


def span_exporter(config: LineageHubConfig | None = None) -> SpanExporter:
    """Return an exporter of spans by the transport in force (kafka or http), for a provider of the application's own:

        provider.add_span_processor(BatchSpanProcessor(span_exporter()))

    What is missing in the configuration is logged: the exporter then ships nothing.
    """
    with never_raise("making an exporter of spans"):
        settings = config or current_config()
        transport = telemetry_transport(settings)
        if transport == "kafka":
            return KafkaSpanExporter(settings)
        if transport == "http":
            return OTLPSpanExporter(
                endpoint=address(settings, _wire.HTTP_TRACES_PATH),
                headers=authorization(settings),
                timeout=settings.timeout,
            )
    return DiscardingSpanExporter()


def metric_exporter(config: LineageHubConfig | None = None) -> MetricExporter:
    """Return an exporter of metrics by the transport in force, as `span_exporter` does:

    MeterProvider(metric_readers=[PeriodicExportingMetricReader(metric_exporter())])
    """
    with never_raise("making an exporter of metrics"):
        settings = config or current_config()
        transport = telemetry_transport(settings)
        if transport == "kafka":
            return KafkaMetricExporter(settings)
        if transport == "http":
            return OTLPMetricExporter(
                endpoint=address(settings, _wire.HTTP_METRICS_PATH),
                headers=authorization(settings),
                timeout=settings.timeout,
                preferred_temporality=DELTA,
            )
    return DiscardingMetricExporter()


def telemetry_transport(config: LineageHubConfig) -> str:
    """Return the way that telemetry takes: "kafka" or "http", or "" for none, of one transport or of several (`a+b`)."""
    transports = config.effective_transport.split("+")
    return next((name for name in ("kafka", "http") if name in transports), "")


def records(items: Sequence[Item], encode: Callable[[Sequence[Item]], Message], sign: SignRecord) -> list[Record]:
    """Return items as one signed record, or as many as their topic's limit needs."""
    request = encode(items)
    if request.ByteSize() > LARGEST_RECORD_BYTES and len(items) > 1:
        middle = len(items) // 2
        return records(items[:middle], encode, sign) + records(items[middle:], encode, sign)
    return [record(request, sign)]


def record(request: Message, sign: SignRecord) -> Record:
    """Return a request of OTLP as a signed record, with a new id."""
    return sign(request.SerializeToString(), uuid.uuid4().hex, time.time_ns() // 1_000_000)


def send(producer: KafkaProducer, what: str, make_records: Callable[[], list[Record]]) -> bool:
    """Send records and wait for the acknowledgement; return whether all were taken. Never raises; a failure is logged."""
    try:
        reasons = [reason for reason in producer.send(make_records()) if reason]
    except Exception as error:
        reasons = [str(error) if isinstance(error, LineageHubSdkError) else repr(error)]
    if reasons:
        warn(f"{what} were not sent: {reasons[0]}")
    return not reasons


def address(config: LineageHubConfig, path: str) -> str:
    """Return the address of a route of the hub. Raises TransportRefused where none is configured."""
    if not config.hub_endpoint:
        raise TransportRefused("the http transport needs LINEAGEHUB_URL")
    return config.hub_endpoint.rstrip("/") + path


def authorization(config: LineageHubConfig) -> dict[str, str]:
    """Return the headers that name the key."""
    return {"Authorization": f"Bearer {config.api_key}"}
