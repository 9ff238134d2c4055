"""OpenTelemetry through the hub: providers that ship over HTTP, or signed to Kafka. Extra: `lineagehub-sdk[otel]`.

    from lineagehub_sdk.telemetry import configure_telemetry
    provider = configure_telemetry(service_name="nightly")

Works beside an application's own providers, and replaces the global one only when asked. For an application that has its own and
wants its spans in the hub, too: `provider.add_span_processor(BatchSpanProcessor(span_exporter()))`; `metric_exporter` and
`log_exporter` do the same for its metrics and logs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from lineagehub_sdk._client import current_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import never_raise, warn
from lineagehub_sdk._telemetry import otel
from lineagehub_sdk._telemetry.run_metrics import RunMetrics

try:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import set_tracer_provider

    from lineagehub_sdk._telemetry.exporters import (
        KafkaMetricExporter,
        KafkaSpanExporter,
        metric_exporter,
        span_exporter,
        telemetry_transport,
    )
except ImportError as error:
    raise ImportError(f"{error}. Telemetry needs: pip install 'lineagehub-sdk[otel]'", name=error.name) from error

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter

__all__ = [
    "KafkaMetricExporter",
    "KafkaSpanExporter",
    "configure_telemetry",
    "log_exporter",
    "metric_exporter",
    "span_exporter",
]

EXPORT_EVERY_MS = 500
EXPORT_METRICS_EVERY_MS = 10_000


def configure_telemetry(
    service_name: str | None = None, config: LineageHubConfig | None = None, *, set_global: bool = False
) -> TracerProvider:
    """Return a tracer provider that ships to the hub; from now on open a span for each run, and count runs (`run_metrics`).

    By the transport in force: kafka goes straight to Kafka, http over HTTP, and the others ship nothing. `service_name` defaults
    to LINEAGEHUB_SERVICE_NAME or OTEL_SERVICE_NAME. Spans and metrics are flushed by `provider.force_flush()`, `provider.shutdown()` and
    at exit. What is missing in the configuration is logged: the provider then works, and ships nothing. So it does with
    OTEL_SDK_DISABLED=true or `enable_telemetry=False`.
    """
    settings = config or current_config()
    resource = _resource(service_name or settings.service_name)
    provider = TracerProvider(resource=resource)
    processor: SpanProcessor | None = None
    with never_raise("configuring telemetry"):
        if settings.effective_transport == "console" and not settings.dry_run:
            warn("LINEAGEHUB_URL is not set; spans are sent nowhere")
        if telemetry_transport(settings) and settings.enable_telemetry:
            processor = BatchSpanProcessor(span_exporter(settings), schedule_delay_millis=EXPORT_EVERY_MS)
            provider.add_span_processor(processor)
            reader = PeriodicExportingMetricReader(metric_exporter(settings), EXPORT_METRICS_EVERY_MS)
            meters = MeterProvider([reader], resource, shutdown_on_exit=False)
            provider.add_span_processor(_FlushMetrics(meters))
            otel.use_metrics(RunMetrics(meters.get_meter(otel.INSTRUMENTATION)).count)
    otel.use_tracers(_Tracers(provider, processor))
    if set_global:
        set_tracer_provider(provider)
    return provider


def log_exporter(config: LineageHubConfig | None = None) -> LogRecordExporter:
    """Return an exporter of logs by the transport in force, for a logger provider of the application's own:

        provider.add_log_record_processor(BatchLogRecordProcessor(log_exporter()))

    What is missing in the configuration is logged: the exporter then ships nothing. Raises ImportError where OpenTelemetry's logs,
    which are not stable yet, are not as the SDK knows them (1.40 and newer).
    """
    from lineagehub_sdk._telemetry import logs

    with never_raise("making an exporter of logs"):
        return logs.exporter_of(config or current_config())
    return logs.DiscardingLogExporter()


def configure_telemetry_on_demand() -> None:
    """Configure telemetry if there is a way to the hub, and nobody said not to (`auto_instrument=False`); called by `otel`."""
    config = current_config()
    if config.auto_instrument and telemetry_transport(config):
        configure_telemetry(config=config)


class _Tracers:
    """The tracers of the services: what a service is called is said by its provider. All ship by one processor."""

    def __init__(self, provider: TracerProvider, processor: SpanProcessor | None) -> None:
        self._provider = provider
        self._processor = processor
        self._tracers: dict[str, Any] = {"": provider.get_tracer(otel.INSTRUMENTATION)}
        self._lock = threading.Lock()

    def __call__(self, service_name: str) -> Any:
        tracer = self._tracers.get(service_name)
        if tracer is None:
            with self._lock:
                tracer = self._tracers.setdefault(service_name, self._make(service_name))
        return tracer

    def _make(self, service_name: str) -> Any:
        # The first provider shuts the processor down at exit.
        provider = TracerProvider(resource=_resource(service_name), shutdown_on_exit=False)
        if self._processor is not None:
            provider.add_span_processor(self._processor)
        return provider.get_tracer(otel.INSTRUMENTATION)


class _FlushMetrics(SpanProcessor):
    """Takes no spans: it has the metrics flushed and shut down with the provider that the user holds, and at exit."""

    def __init__(self, meters: MeterProvider) -> None:
        self._meters = meters

    def shutdown(self) -> None:
        """Flush and close."""
        with never_raise("shutting the metrics down", strict=False):
            self._meters.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what was counted."""
        return self._meters.force_flush(timeout_millis)


def _resource(service_name: str) -> Resource:
    return Resource.create({"service.name": service_name} if service_name else None)
