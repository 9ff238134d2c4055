"""Telemetry records, one processor a signal: prove the writer, and that the bytes parse, so that one bad record cannot fail its batch.

The items are taken apart by ClickHouse, never here (clickhouse-protobuf.md); only values that are maps or arrays become text here, in
the records that hold any (_attribute_trees.py).
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.contract.headers import FLAT, ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub.otlp.outline import DATA_POINTS, LOG_RECORDS, SPANS, Outline, Place
from lineagehub_agents.delivery.records import CheckedRecord, Record, Rejected
from lineagehub_agents.processors._attribute_trees import render_trees
from lineagehub_agents.processors.verification import Verifier


class TelemetryProcessor:
    """Checks records of one signal's topic."""

    def __init__(
        self, verifier: Verifier, kind: ContentKind, request_type: type[Message], items: tuple[Place, ...]
    ) -> None:
        """`items`: the places of what becomes a row."""
        self._verifier = verifier
        self._kind = kind
        self._request_type = request_type
        self._outline = Outline(request_type, items)

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        envelope = self._verifier.verify(record, self._kind)
        value = record.value or b""
        if envelope.says(FLAT) and self._verifier.is_validated(envelope):
            rows, rendered = self._outline.count_items(value), 0
        else:
            value, rows, rendered = self._without_trees(value, envelope.namespace)
        return CheckedRecord(
            record,
            value,
            envelope,
            self._verifier.retention_days(envelope.namespace, self._kind.signal),
            rows=rows,
            rendered_values=rendered,
        )

    def _without_trees(self, value: bytes, namespace: str) -> tuple[bytes, int, int]:
        """Return a request with text for its maps and arrays (the very bytes if it has none), its items, and how many became text."""
        try:
            reading = self._outline.read(value)
        except DecodeError as error:
            name = self._request_type.DESCRIPTOR.name
            raise Rejected(Reason.INVALID_PROTOBUF, f"It is no {name}: {error}.", namespace) from error
        places = reading.tree_places()
        if not places:
            return value, reading.items, 0
        request: Any = self._request_type.FromString(value)
        rendered = render_trees(request, places)
        return request.SerializeToString(), reading.items, rendered


def traces_processor(verifier: Verifier) -> TelemetryProcessor:
    """Return the processor of otel-spans."""
    return TelemetryProcessor(verifier, ContentKind.TRACES, ExportTraceServiceRequest, SPANS)


def metrics_processor(verifier: Verifier) -> TelemetryProcessor:
    """Return the processor of otel-metrics."""
    return TelemetryProcessor(verifier, ContentKind.METRICS, ExportMetricsServiceRequest, DATA_POINTS)


def logs_processor(verifier: Verifier) -> TelemetryProcessor:
    """Return the processor of otel-logs."""
    return TelemetryProcessor(verifier, ContentKind.LOGS, ExportLogsServiceRequest, LOG_RECORDS)
