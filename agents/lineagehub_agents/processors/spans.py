"""Trace records: prove the writer, and that the bytes parse, so that one bad record cannot fail its batch's insert.

Parsing is upb's (0.35 us a span); the spans are taken apart by ClickHouse, never here (clickhouse-protobuf.md).
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub_agents.delivery.records import CheckedRecord, Record, Rejected
from lineagehub_agents.processors.verification import Verifier


class SpansProcessor:
    """Checks records of otel-spans."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        envelope = self._verifier.verify(record, ContentKind.TRACES)
        value = record.value or b""
        try:
            ExportTraceServiceRequest.FromString(value)
        except DecodeError as error:
            raise Rejected(
                Reason.INVALID_PROTOBUF, f"It is no ExportTraceServiceRequest: {error}.", envelope.namespace
            ) from error
        return CheckedRecord(record, value, envelope, self._verifier.retention_days(envelope.namespace))
