"""Small, valid inputs of the web's tests, each fresh so that no test sees another's."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def run_event(**changes: Any) -> dict[str, Any]:
    """Return a RunEvent of a new run, with members replaced."""
    event: dict[str, Any] = {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": "prod", "name": "etl.orders"},
        "inputs": [{"namespace": "s3://lake", "name": "raw/orders"}],
        "outputs": [{"namespace": "postgres://db:5432", "name": "shop.public.orders"}],
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    return {**event, **changes}


def trace_request(spans: int = 1, attribute_bytes: int = 0, resources: int = 1) -> ExportTraceServiceRequest:
    """Return a request of `spans` spans in each of `resources` resources."""
    request = ExportTraceServiceRequest()
    for number in range(resources):
        resource = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
        resource.resource.attributes.add(key="service.name").value.string_value = f"checkout-{number}"
        scope = resource.scope_spans.add()
        scope.scope.name = "tests"
        for index in range(spans):
            span = scope.spans.add(
                trace_id=uuid.uuid4().bytes,
                span_id=uuid.uuid4().bytes[:8],
                name=f"span {index}",
                kind=2,
                start_time_unix_nano=1_700_000_000_000_000_000,
                end_time_unix_nano=1_700_000_000_000_001_000,
            )
            if attribute_bytes:
                span.attributes.add(key="load").value.string_value = "x" * attribute_bytes
    return request


def trace_json(spans: int = 1) -> dict[str, Any]:
    """Return the OTLP/JSON of a request of new spans."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "tests"},
                        "spans": [
                            {
                                "traceId": uuid.uuid4().hex,
                                "spanId": uuid.uuid4().hex[:16],
                                "name": f"span {index}",
                                "kind": 2,
                                "startTimeUnixNano": "1700000000000000000",
                                "endTimeUnixNano": "1700000000000001000",
                            }
                            for index in range(spans)
                        ],
                    }
                ],
            }
        ]
    }
