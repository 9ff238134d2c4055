"""Everything real goes in and comes out: the shared corpus of lineage events and trace payloads, through the running hub."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.corpus import trace_payloads, valid_lineage_events
from tests.support.hub import Answer, Hub
from tests.support.otlp_rows import COLUMNS, expected_rows
from tests.support.waiting import wait_until

STORED_SECONDS = 60


def test_every_valid_lineage_event_is_accepted_and_stored_untouched(hub: Hub) -> None:
    batch = uuid.uuid4().hex
    sent: dict[str, bytes] = {}
    for number, path in enumerate(valid_lineage_events()):
        event_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{batch}/{number}").hex
        body = path.read_bytes()
        answer = hub.request(
            "POST", "/api/v1/lineage", body, {"Content-Type": "application/json", "lineagehub-event-id": event_id}
        )
        assert answer.status == 201, (path.name, answer.body)
        sent[event_id] = body

    def stored() -> dict[str, str]:
        rows = hub.rows("SELECT EventId, Event FROM lineage_events FINAL")
        return {row["EventId"]: row["Event"] for row in rows if row["EventId"] in sent}

    wait_until(lambda: len(stored()) == len(sent), STORED_SECONDS, f"{len(sent)} events to be stored")
    found = stored()
    different = [event_id for event_id, body in sent.items() if found[event_id].encode() != body]
    assert not different, f"{len(different)} events were changed on their way"


def test_every_trace_payload_is_stored_with_the_columns_that_the_real_collector_gives(hub: Hub) -> None:
    expected: Counter[str] = Counter()
    for path, encoding, decoded in trace_payloads():
        headers = {"Content-Type": "application/json" if encoding == "json" else "application/x-protobuf"}
        if encoding.endswith("gzip"):
            headers["Content-Encoding"] = "gzip"
        answer = hub.request("POST", "/v1/traces", path.read_bytes(), headers)
        assert answer.status == 200, (path.name, answer.body)
        # A request without a single span has no decoded file: the collector made nothing of it.
        request = ExportTraceServiceRequest.FromString(decoded.read_bytes() if decoded.exists() else b"")
        rows = expected_rows(request, "demo")
        assert len(rows) + _rejected(answer, encoding) == _span_count(request), path.name
        expected.update(_key(row) for row in rows)
    trace_ids = {json.loads(key)["TraceId"] for key in expected}

    def stored() -> Counter[str]:
        rows = hub.rows(f"SELECT {COLUMNS} FROM otel_traces")
        return Counter(_key(row) for row in rows if row["TraceId"] in trace_ids)

    wait_until(lambda: stored().total() >= expected.total(), STORED_SECONDS, f"{expected.total()} spans to be stored")
    found = stored()
    assert not expected - found, (
        f"missing or different: {list(expected - found)[:2]} instead of {list(found - expected)[:2]}"
    )
    assert found == expected


def _rejected(answer: Answer, encoding: str) -> int:
    if encoding == "json":
        return int(answer.json().get("partialSuccess", {}).get("rejectedSpans", 0))
    return int(ExportTraceServiceResponse.FromString(answer.body).partial_success.rejected_spans)


def _span_count(request: ExportTraceServiceRequest) -> int:
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def _key(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False)
