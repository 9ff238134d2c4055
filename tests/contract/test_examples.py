"""The sample records of lineagehub/contract/examples: one at least of each topic, and each as the contract says."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub import contract
from lineagehub.auth.api_keys import parse_api_key
from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.contract.agent_states import AgentState
from lineagehub.contract.alerts import AlertRecord
from lineagehub.contract.audit import AuditEntry
from lineagehub.contract.control import ApiKeyRecord, LimitsRecord, NamespaceRecord, WebhooksRecord
from lineagehub.contract.dead_letter import HEADER_REASON, is_signed, read_dead_letter
from lineagehub.contract.dead_letter_decision import Decision
from lineagehub.contract.headers import ContentKind, derive_signing_key, read_headers
from lineagehub.contract.heartbeats import decode_heartbeat, encode_heartbeat
from lineagehub.contract.keys import api_key_key, limits_key, lineage_key, namespace_key, webhooks_key
from lineagehub.contract.lineage import find_faults
from lineagehub.contract.namespaces import OPERATOR_LANE, is_namespace
from lineagehub.contract.over_quota import claimed_by, origin_of
from lineagehub.contract.reasons import UNVERIFIED_REASONS, Reason
from lineagehub.contract.topics import TOPICS
from lineagehub.contract.usage import decode_delta, decode_total, encode

FOLDER = Path(contract.__path__[0]) / "examples"
FILES = sorted(FOLDER.glob("*/*/*.json"))
TELEMETRY: dict[str, tuple[ContentKind, type[Message]]] = {
    "otel-spans": (ContentKind.TRACES, ExportTraceServiceRequest),
    "otel-metrics": (ContentKind.METRICS, ExportMetricsServiceRequest),
    "otel-logs": (ContentKind.LOGS, ExportLogsServiceRequest),
}


class Example:
    """One file, as the record that it describes."""

    def __init__(self, path: Path) -> None:
        document: dict[str, Any] = json.loads(path.read_text())
        self.path = path
        self.description: str = document["description"]
        self.topic: str = document["topic"]
        self.key: bytes | None = document["key"].encode() if document["key"] is not None else None
        self.headers = [(name, value.encode()) for name, value in document["headers"]]
        self.signed_with: str | None = document.get("signed_with")
        self.secret_key: str = document.get("signed_with_secret_key", "")
        if "value_base64" in document:
            self.value: bytes | None = base64.b64decode(document["value_base64"])
        else:
            self.value = document["value"].encode() if document["value"] is not None else None


def examples_of(*topics: str) -> pytest.MarkDecorator:
    """Parametrize a test with the examples of these topics."""
    chosen = [Example(path) for path in FILES if path.parts[-3] in topics]
    return pytest.mark.parametrize("example", chosen, ids=lambda example: f"{example.topic}-{example.path.stem}")


def test_every_topic_has_an_example_and_no_folder_is_of_another() -> None:
    assert {path.parts[-3] for path in FILES} == {topic.name for topic in TOPICS}


@examples_of(*[topic.name for topic in TOPICS])
def test_an_example_lies_where_its_topic_says_and_describes_itself(example: Example) -> None:
    assert example.path.parts[-3] == example.topic
    assert re.fullmatch(r"v[0-9]+", example.path.parts[-2])
    assert example.description.endswith(".")


@examples_of("openlineage-events", *TELEMETRY)
def test_a_tenant_record_is_signed_by_the_documented_key(example: Example) -> None:
    api_key = parse_api_key(example.signed_with or "")
    assert api_key is not None
    envelope, signature = read_headers(example.headers)
    assert envelope.key_id == api_key.kid
    assert is_namespace(envelope.namespace)
    assert example.value is not None
    signing_key = derive_signing_key(api_key.secret, api_key.kid)
    assert signature == envelope.signature(signing_key, example.topic, example.value)


@examples_of("openlineage-events")
def test_a_lineage_record_is_a_valid_event_under_its_key(example: Example) -> None:
    event = json.loads(example.value or b"")
    assert find_faults(event, datetime.now(UTC)) == []
    assert example.key == lineage_key(event)
    assert read_headers(example.headers)[0].content_kind == ContentKind.OPENLINEAGE


@examples_of(*TELEMETRY)
def test_a_telemetry_record_is_an_otlp_request_without_a_key(example: Example) -> None:
    kind, message = TELEMETRY[example.topic]
    request = message()
    request.ParseFromString(example.value or b"")
    assert request.ByteSize() > 0
    assert example.key is None
    assert read_headers(example.headers)[0].content_kind == kind


@examples_of("lineagehub-control")
def test_a_control_record_is_what_its_key_says(example: Example) -> None:
    assert example.key is not None
    kind, _, name = example.key.decode().partition(":")
    if example.value is None:
        assert is_namespace(name)
    elif kind == "namespace":
        assert namespace_key(NamespaceRecord.model_validate_json(example.value).name) == example.key
    elif kind == "limits":
        assert limits_key(LimitsRecord.model_validate_json(example.value).namespace) == example.key
    elif kind == "webhooks":
        assert webhooks_key(WebhooksRecord.model_validate_json(example.value).namespace) == example.key
    else:
        assert api_key_key(ApiKeyRecord.model_validate_json(example.value).kid) == example.key


@examples_of("lineagehub-dead-letters")
def test_a_dead_letter_keeps_the_record_and_says_why(example: Example) -> None:
    letter, original = read_dead_letter(example.headers)
    ours = letter.to_headers()
    assert example.headers[: len(ours)] == ours
    reason = Reason(dict(example.headers)[HEADER_REASON].decode())
    if reason in UNVERIFIED_REASONS:
        assert example.key == OPERATOR_LANE.encode()
    else:
        assert example.key == read_headers((name, value or b"") for name, value in original)[0].namespace.encode()


@examples_of("lineagehub-dead-letters")
def test_a_dead_letter_is_signed_by_the_hub(example: Example) -> None:
    signing_key = derive_signing_key(example.secret_key, HUB_KEY_ID)
    assert is_signed(signing_key, example.topic, example.key, example.headers, example.value or b"")


@examples_of("lineagehub-dead-letter-decisions")
def test_a_decision_is_signed_by_the_hub_under_its_own_id(example: Example) -> None:
    decision = Decision.model_validate_json(example.value or b"")
    envelope, signature = read_headers(example.headers)
    assert example.key == decision.namespace.encode()
    assert (envelope.namespace, envelope.event_id) == (decision.namespace, str(decision.id))
    assert envelope.is_a(ContentKind.DEAD_LETTER_DECISION)
    signing_key = derive_signing_key(example.secret_key, HUB_KEY_ID)
    assert signature == envelope.signature(signing_key, example.topic, example.value or b"")


@examples_of("lineagehub-usage")
def test_usage_is_keyed_by_namespace_day_and_signal(example: Example) -> None:
    total = decode_total(example.value or b"")
    assert example.key == total.key
    assert encode(total) == example.value


@examples_of("lineagehub-usage-deltas")
def test_deltas_are_keyed_by_namespace(example: Example) -> None:
    delta = decode_delta(example.value or b"")
    assert example.key == delta.namespace.encode()
    assert encode(delta) == example.value


@examples_of("lineagehub-replicas")
def test_a_heartbeat_is_counted_and_says_what_was_let_in(example: Example) -> None:
    heartbeat = decode_heartbeat(example.value or b"")
    assert heartbeat is not None
    assert encode_heartbeat(heartbeat) == example.value


@examples_of("lineagehub-audit")
def test_an_audit_entry_is_keyed_by_namespace_and_names_a_key_a_person_or_a_user(example: Example) -> None:
    entry = AuditEntry.model_validate_json(example.value or b"")
    assert entry.model_dump_json().encode() == example.value
    assert example.key == entry.namespace.encode()
    actor = entry.actor
    assert [actor.key_id, actor.subject, actor.cli_user].count(None) == 2


@examples_of("lineagehub-audit")
def test_an_audit_entry_is_signed_by_the_hub_under_its_own_id(example: Example) -> None:
    envelope, signature = read_headers(example.headers)
    entry = AuditEntry.model_validate_json(example.value or b"")
    assert (envelope.namespace, envelope.event_id) == (entry.namespace, str(entry.id))
    assert (envelope.key_id, envelope.content_kind) == (HUB_KEY_ID, ContentKind.AUDIT)
    signing_key = derive_signing_key(example.secret_key, HUB_KEY_ID)
    assert signature == envelope.signature(signing_key, example.topic, example.value or b"")


@examples_of("lineagehub-marquez-forwarded")
def test_a_forwarded_event_is_keyed_by_namespace_and_event_id_and_says_how_it_stands(example: Example) -> None:
    namespace, _, event_id = (example.key or b"").decode().partition("|")
    assert is_namespace(namespace)
    assert event_id
    assert json.loads(example.value or b"")["state"] in {"sending", "forwarded"}


@examples_of("lineagehub-over-quota")
def test_an_over_quota_record_says_where_it_lay_and_keeps_its_signature(example: Example) -> None:
    claimed = claimed_by(example.headers)
    if claimed is not None:
        assert (claimed, example.value) == ("openlineage-events:2:1400", None)
        return
    origin, original = origin_of(example.headers)
    assert (origin.topic, origin.events) == ("openlineage-events", 1)
    assert origin.key == lineage_key(json.loads(example.value or b""))
    envelope, _ = read_headers(original)
    assert example.key == envelope.namespace.encode()


@examples_of("lineagehub-alerts")
def test_an_alert_is_keyed_by_what_it_is_sent_once_for_and_written_as_it_stands_here(example: Example) -> None:
    record = AlertRecord.model_validate_json(example.value or b"")
    assert record.alert.key == example.key
    assert record.model_dump_json().encode() == example.value


@examples_of("lineagehub-agents")
def test_an_agents_state_is_keyed_by_agent_and_process_and_written_as_it_stands_here(example: Example) -> None:
    state = AgentState.model_validate_json(example.value or b"")
    assert state.key == example.key
    assert state.model_dump_json().encode() == example.value
