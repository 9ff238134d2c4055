"""OpenTelemetry through the hub: a tracer provider that ships over HTTP, or signed to Kafka. Extra: `lineagehub-sdk[otel]`.

    from lineagehub_sdk.telemetry import configure_telemetry
    provider = configure_telemetry(service_name="nightly")

Works beside an application's own provider, and replaces the global one only when asked.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence

from lineagehub_sdk import _otel, _wire
from lineagehub_sdk._client import current_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import never_raise, warn
from lineagehub_sdk._wire import Record
from lineagehub_sdk.errors import LineageHubSdkError, TransportRefused
from lineagehub_sdk.transports.kafka import Signer, open_producer

try:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.trace import set_tracer_provider
except ImportError as error:
    raise ImportError(f"{error}. Telemetry needs: pip install 'lineagehub-sdk[otel]'", name=error.name) from error

EXPORT_EVERY_MS = 500
LARGEST_RECORD_BYTES = 1_000_000
"""The topic otel-spans takes 1 MiB a record, headers included."""


def configure_telemetry(
    service_name: str | None = None, config: LineageHubConfig | None = None, *, set_global: bool = False
) -> TracerProvider:
    """Return a tracer provider that ships to the hub, and open a span for each run from now on.

    By the transport in force: kafka goes straight to Kafka, http over HTTP, and the others ship nothing. `service_name` defaults
    to OTEL_SERVICE_NAME. Spans are flushed by `provider.force_flush()`, `provider.shutdown()` and at exit. What is missing in the
    configuration is logged: the provider then works, and ships nothing.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service_name} if service_name else None))
    with never_raise("configuring telemetry"):
        exporter = _exporter_of(config or current_config())
        if exporter is not None:
            provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_EVERY_MS))
    _otel.use_tracer(provider.get_tracer("lineagehub_sdk"))
    if set_global:
        set_tracer_provider(provider)
    return provider


class KafkaSpanExporter(SpanExporter):
    """Exports spans as signed records of otel-spans: what the hub's HTTP route would write."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when something is missing: the key, the namespace, the brokers or the package."""
        self._signer = Signer(config)
        self._producer = open_producer(config)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans and wait for the acknowledgement; called by a span processor. Never raises; a failure is logged."""
        try:
            reasons = [reason for reason in self._producer.send(list(self._records(spans))) if reason]
        except Exception as error:
            reasons = [str(error) if isinstance(error, LineageHubSdkError) else repr(error)]
        if reasons:
            warn(f"spans were not sent: {reasons[0]}")
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connection; every export has waited for its acknowledgement."""
        self._producer.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True

    def _records(self, spans: Sequence[ReadableSpan]) -> Iterator[Record]:
        """Encode spans into one record, or into as many as its topic's limit needs."""
        request = encode_spans(spans).SerializeToString()
        if len(request) > LARGEST_RECORD_BYTES and len(spans) > 1:
            middle = len(spans) // 2
            yield from self._records(spans[:middle])
            yield from self._records(spans[middle:])
        else:
            yield self._signer.spans(request, uuid.uuid4().hex, time.time_ns() // 1_000_000)


def _exporter_of(config: LineageHubConfig) -> SpanExporter | None:
    if config.effective_transport == "kafka":
        return KafkaSpanExporter(config)
    if config.effective_transport != "http":
        if config.effective_transport == "console":
            warn("LINEAGEHUB_URL is not set; spans are sent nowhere")
        return None
    if not config.hub_endpoint:
        raise TransportRefused("the http transport needs LINEAGEHUB_URL")
    return OTLPSpanExporter(
        endpoint=config.hub_endpoint.rstrip("/") + _wire.HTTP_TRACES_PATH,
        headers={"Authorization": f"Bearer {config.api_key}"},
    )
