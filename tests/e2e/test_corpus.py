"""Everything real goes in and comes out: the shared corpus of lineage events and OTLP payloads, through the running hub."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.support.corpus import otlp_payloads
from tests.support.hub import Answer, Hub
from tests.support.lineage_corpus import lineage_files
from tests.support.otlp_rows import logs, metrics, traces
from tests.support.waiting import wait_until

STORED_SECONDS = 60


@dataclass(frozen=True)
class Signal:
    """One OTLP signal: its messages, and what rows they must give."""

    name: str
    request_type: Any
    response_type: Any
    rows: Any


SIGNALS = {
    name: Signal(name, getattr(service, f"{messages}Request"), getattr(service, f"{messages}Response"), rows)
    for name, service, messages, rows in (
        ("traces", trace_service_pb2, "ExportTraceService", traces),
        ("metrics", metrics_service_pb2, "ExportMetricsService", metrics),
        ("logs", logs_service_pb2, "ExportLogsService", logs),
    )
}


def test_every_lineage_event_is_stored_untouched_beside_its_quarantined_facets_or_refused(hub: Hub) -> None:
    batch = uuid.uuid4().hex
    sent: dict[str, tuple[str, list[str]]] = {}
    for number, file in enumerate(lineage_files("openlineage", "openlineage-edge", "openlineage-invalid")):
        if file.is_batch:
            continue
        event_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{batch}/{number}").hex
        body = file.path.read_bytes()
        # Each is sent twice: a repeat is a success, and stored once.
        for answer in [
            hub.request("POST", "/api/v1/lineage", body, {**file.headers, "lineagehub-event-id": event_id})
            for _ in range(2)
        ]:
            assert (answer.status == 201) is (file.refusal is None), (file.name, answer.body)
            assert answer.status in (201, 400, 422), (file.name, answer.body)
            if answer.status == 201:
                quarantined = answer.json().get("quarantined_facets", [])
                assert bool(quarantined) is file.is_quarantined, (file.name, answer.body)
                sent[event_id] = (body.decode(), [facet["pointer"] for facet in quarantined])

    def stored() -> dict[str, tuple[str, list[str]]]:
        rows = hub.rows("SELECT EventId, Event, QuarantinedFacets FROM lineage_events FINAL")
        found = [row for row in rows if row["EventId"] in sent]
        assert len({row["EventId"] for row in found}) == len(found), "each event is stored once"
        return {row["EventId"]: (row["Event"], row["QuarantinedFacets"]) for row in found}

    wait_until(lambda: len(stored()) == len(sent), STORED_SECONDS, f"{len(sent)} events to be stored")
    found = stored()
    different = [event_id for event_id, row in sent.items() if found[event_id] != row]
    assert not different, f"{len(different)} events were changed on their way, or other facets flagged"
    assert len(sent) > 500


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
def test_every_otlp_payload_is_stored_with_the_columns_that_the_real_collector_gives(hub: Hub, signal: Signal) -> None:
    started_at = time.time()
    expected: Counter[str] = Counter()
    for path, encoding, decoded in otlp_payloads(signal.name):
        headers = {"Content-Type": "application/json" if encoding == "json" else "application/x-protobuf"}
        if encoding.endswith("gzip"):
            headers["Content-Encoding"] = "gzip"
        answer = hub.request("POST", f"/v1/{signal.name}", path.read_bytes(), headers)
        assert answer.status == 200, (path.name, answer.body)
        # A request without a single item has no decoded file: the collector made nothing of it.
        request = signal.request_type.FromString(decoded.read_bytes() if decoded.exists() else b"")
        tables = signal.rows.expected_rows(request, "demo")
        kept = sum(len(rows) for rows in tables.values())
        assert kept + _rejected(answer, encoding, signal) == signal.rows.item_count(request), path.name
        expected.update(_key(table, row) for table, rows in tables.items() for row in rows)

    def stored() -> Counter[str]:
        return Counter(
            _key(table, row)
            for table, columns in signal.rows.TABLES.items()
            for row in hub.rows(f"SELECT {columns} FROM {table} WHERE ReceivedAt >= {started_at:.3f}")
        )

    wait_until(lambda: stored().total() >= expected.total(), STORED_SECONDS, f"{expected.total()} rows to be stored")
    found = stored()
    assert not expected - found, (
        f"missing or different: {list(expected - found)[:2]} instead of {list(found - expected)[:2]}"
    )
    assert found == expected


def _rejected(answer: Answer, encoding: str, signal: Signal) -> int:
    if encoding == "json":
        partial = answer.json().get("partialSuccess", {})
    else:
        response = signal.response_type.FromString(answer.body)
        partial = MessageToDict(response).get("partialSuccess", {})
    return sum(int(count) for name, count in partial.items() if name.startswith("rejected"))


def _key(table: str, row: dict[str, Any]) -> str:
    return f"{table} {json.dumps(row, sort_keys=True, ensure_ascii=False)}"
