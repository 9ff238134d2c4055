"""OpenTelemetry through the hub: a tracer provider that ships over HTTP, or signed to Kafka. Extra: `lineagehub-sdk[otel]`.

    from lineagehub_sdk.telemetry import configure_telemetry
    provider = configure_telemetry(service_name="nightly")

Works beside an application's own provider and never replaces the global one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from lineagehub_sdk import _otel, _wire
from lineagehub_sdk._client import current_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import log
from lineagehub_sdk.errors import LineageHubSdkError
from lineagehub_sdk.transports.kafka import SignedProducer


def configure_telemetry(service_name: str, config: LineageHubConfig | None = None) -> TracerProvider:
    """Return a tracer provider that ships to the hub, and open a span for each run from now on.

    By the configuration's transport: kafka goes straight to Kafka, anything else over HTTP. `provider.shutdown()` flushes.
    """
    in_force = config or current_config()
    exporter: SpanExporter
    if in_force.effective_transport == "kafka":
        exporter = KafkaSpanExporter(in_force)
    else:
        exporter = OTLPSpanExporter(
            endpoint=in_force.hub_endpoint.rstrip("/") + _wire.HTTP_TRACES_PATH,
            headers={"Authorization": f"Bearer {in_force.api_key}"},
        )
    provider = TracerProvider(resource=Resource.create({"service.name": service_name}))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    _otel.use_tracer(provider.get_tracer("lineagehub_sdk"))
    return provider


class KafkaSpanExporter(SpanExporter):
    """Exports spans as signed records of otel-spans: what the hub's HTTP route would write."""

    def __init__(self, config: LineageHubConfig) -> None:
        self._producer = SignedProducer(config)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called by the span processor's thread; never raises."""
        value = encode_spans(spans).SerializeToString()
        record = self._producer.record(
            _wire.OTEL_SPANS, _wire.TRACES, value, uuid.uuid4().hex, time.time_ns() // 1_000_000
        )
        try:
            self._producer.send([record])
        except LineageHubSdkError as error:
            log.warning("lineagehub: %d spans were not sent: %s.", len(spans), error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connection; every export has waited for its acknowledgement."""
        self._producer.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True
