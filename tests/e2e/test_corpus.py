"""Everything real goes in and comes out: the shared corpus of lineage events and trace payloads, through the running hub."""

from __future__ import annotations

import gzip
import json
import uuid
from collections import Counter

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.corpus import trace_payloads, valid_lineage_events
from tests.support.hub import Hub
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


def _trace_ids(request: ExportTraceServiceRequest) -> list[Span]:
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def test_every_trace_payload_is_accepted_and_each_span_is_stored_once(hub: Hub) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for path, encoding, decoded in trace_payloads():
        headers = {"Content-Type": "application/json" if encoding == "json" else "application/x-protobuf"}
        body = path.read_bytes()
        if encoding.endswith("gzip"):
            headers["Content-Encoding"] = "gzip"
            assert gzip.decompress(body)
        answer = hub.request("POST", "/v1/traces", body, headers)
        assert answer.status == 200, (path.name, answer.body)
        request = ExportTraceServiceRequest.FromString(decoded.read_bytes())
        for span in _trace_ids(request):
            if len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id):
                expected[(span.trace_id.hex(), span.span_id.hex(), span.name)] += 1

    def stored() -> Counter[tuple[str, str, str]]:
        found: Counter[tuple[str, str, str]] = Counter()
        for row in hub.rows("SELECT TraceId, SpanId, SpanName FROM otel_traces"):
            found[(row["TraceId"], row["SpanId"], row["SpanName"])] += 1
        return Counter({key: found[key] for key in expected})

    wait_until(lambda: sum(stored().values()) >= sum(expected.values()), STORED_SECONDS, "all spans to be stored")
    assert stored() == expected
    assert json.loads(hub.get("/api/v1/health").body)["status"] == "healthy"
