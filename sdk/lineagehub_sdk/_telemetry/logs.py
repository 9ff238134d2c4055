"""The exporter of OpenTelemetry logs, beside those of spans and metrics (`exporters`).

By itself because OpenTelemetry's logs are not stable yet (their modules begin with `_`): what changes there costs nobody his spans.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._telemetry.exporters import address, authorization, records, send, telemetry_transport
from lineagehub_sdk.transports.kafka import Signer, open_producer


class KafkaLogExporter(LogRecordExporter):
    """Exports logs as signed records of otel-logs: what the hub's HTTP route would write."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when something is missing: the key, the namespace, the brokers or the package."""
        self._signer = Signer(config)
        self._producer = open_producer(config)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send logs and wait for the acknowledgement; called by a log record processor. Never raises; a failure is logged."""
        sent = send(self._producer, "logs", lambda: records(batch, encode_logs, self._signer.logs))
        return LogRecordExportResult.SUCCESS if sent else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the connection; every export has waited for its acknowledgement."""
        self._producer.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


class DiscardingLogExporter(LogRecordExporter):
    """Ships nothing: there is no way to the hub."""

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Forget them."""
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


def exporter_of(config: LineageHubConfig) -> LogRecordExporter:
    """Return an exporter by the configuration's transport. Raises TransportRefused when something is missing."""
    transport = telemetry_transport(config)
    if transport == "kafka":
        return KafkaLogExporter(config)
    if transport == "http":
        return OTLPLogExporter(
            endpoint=address(config, _wire.HTTP_LOGS_PATH), headers=authorization(config), timeout=config.timeout
        )
    return DiscardingLogExporter()
