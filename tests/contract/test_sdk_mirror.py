"""The SDK's forty lines of contract are the hub's, and each released SDK's messages stay readable for ever."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery.encoding import prepare
from lineagehub_sdk._lineage.job import Job
from lineagehub_sdk._lineage.run_event import RunEvent
from lineagehub_sdk.transports.kafka import Signer

from lineagehub.auth.api_keys import make_api_key, parse_api_key
from lineagehub.auth.signature_keys import stored_key, verification_key
from lineagehub.contract import keys, topics
from lineagehub.contract.control import SignatureAlgorithm
from lineagehub.contract.headers import ContentKind, Envelope, derive_signing_key, read_headers
from lineagehub.web.endpoints import ENDPOINTS
from lineagehub.web.receivers.lineage_event import MAXIMUM_EVENTS

GOLDEN = Path(__file__).parent / "golden"
MALFORMED_FACETS: tuple[Any, ...] = (
    None,
    [],
    {"parent": None},
    {"parent": []},
    {"parent": {"job": None, "root": None}},
    {"parent": {"job": {"namespace": "p"}, "root": {"job": {"namespace": "r", "name": ""}}}},
    {"parent": {"job": {"namespace": "p", "name": "q"}, "root": {"job": {"namespace": 1, "name": "s"}}}},
)
MESSAGES = sorted(GOLDEN.rglob("*.json"))


def test_names_are_the_hubs() -> None:
    assert topics.OPENLINEAGE_EVENTS.name == _wire.OPENLINEAGE_EVENTS
    assert topics.OTEL_SPANS.name == _wire.OTEL_SPANS
    assert topics.OTEL_METRICS.name == _wire.OTEL_METRICS
    assert topics.OTEL_LOGS.name == _wire.OTEL_LOGS
    assert ContentKind.OPENLINEAGE.value == _wire.OPENLINEAGE
    assert ContentKind.TRACES.value == _wire.TRACES
    assert ContentKind.METRICS.value == _wire.METRICS
    assert ContentKind.LOGS.value == _wire.LOGS


def test_routes_and_limits_are_the_hubs() -> None:
    routes = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    assert {
        ("POST", _wire.HTTP_INGEST_PATH),
        ("POST", _wire.HTTP_TRACES_PATH),
        ("POST", _wire.HTTP_METRICS_PATH),
        ("POST", _wire.HTTP_LOGS_PATH),
    } <= routes
    assert _wire.MAXIMUM_EVENTS_A_REQUEST == MAXIMUM_EVENTS


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_keys_and_headers_are_the_hubs(algorithm: SignatureAlgorithm) -> None:
    key = make_api_key("dev", algorithm)
    kid, sign = _wire.signer(key.text)
    assert kid == key.kid
    envelope = Envelope("team-a", kid, "0" * 32, 1_700_000_000_000, ContentKind.OPENLINEAGE.value)
    headers = _wire.signed_headers(
        sign=sign,
        namespace="team-a",
        kid=kid,
        event_id="0" * 32,
        timestamp_ms=1_700_000_000_000,
        kind=_wire.OPENLINEAGE,
        topic="openlineage-events",
        value=b"{}",
    )
    read, signature = read_headers(headers)
    assert read == envelope
    assert headers == envelope.headers_with(signature)
    assert verification_key(algorithm, stored_key(key)).has_signed(envelope, "openlineage-events", b"{}", signature)
    if algorithm is SignatureAlgorithm.HMAC_SHA256:
        assert headers == envelope.to_headers(derive_signing_key(key.secret, key.kid), "openlineage-events", b"{}")


def test_a_mistyped_key_is_refused_as_the_hub_refuses_it() -> None:
    hmac_key, ed25519_key = (make_api_key("dev", algorithm).text for algorithm in SignatureAlgorithm)
    for mistyped in (
        hmac_key[:-1] + ("a" if hmac_key[-1] != "a" else "b"),
        hmac_key.replace("lh_dev_", "lh_dev_ed25519_"),
        ed25519_key.replace("ed25519_", ""),
        ed25519_key.replace("ed25519", "ed25518"),
    ):
        assert parse_api_key(mistyped) is None
        with pytest.raises(ValueError, match="mistyped"):
            _wire.split_api_key(mistyped)


@pytest.mark.parametrize(
    "event",
    [
        {"run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}},
        {
            "run": {"facets": {"parent": {"job": {"namespace": "p", "name": "q"}}}},
            "job": {"namespace": "n", "name": "j"},
        },
        {
            "run": {
                "facets": {
                    "parent": {"job": {"namespace": "p", "name": "q"}, "root": {"job": {"namespace": "r", "name": "s"}}}
                }
            },
            "job": {"namespace": "n", "name": "j"},
        },
        *({"run": {"facets": facets}, "job": {"namespace": "n", "name": "j"}} for facets in MALFORMED_FACETS),
        {"run": None, "job": {"namespace": "n", "name": "j"}},
        {"job": {"namespace": "n", "name": "j"}},
        {"dataset": {"namespace": "n", "name": "d"}},
    ],
)
def test_record_keys_are_the_hubs(event: dict[str, Any]) -> None:
    assert keys.lineage_key(event) == _wire.lineage_key(event)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: str(path.relative_to(GOLDEN)))
def test_golden_messages_of_every_released_sdk_are_verified_by_this_hub(path: Path) -> None:
    message = json.loads(path.read_text())
    value = base64.b64decode(message["value"])
    key = parse_api_key(message["api_key"])
    assert key is not None
    envelope, signature = read_headers([(name, text.encode()) for name, text in message["headers"]])
    verifying = verification_key(key.algorithm, stored_key(key))
    assert verifying.has_signed(envelope, message["topic"], value, signature)
    assert envelope.content_kind in set(ContentKind)


@pytest.mark.parametrize("path", sorted((GOLDEN / "sdk-0.1").glob("*.json")), ids=lambda path: path.name)
def test_this_sdk_still_writes_its_golden_messages_byte_for_byte(path: Path) -> None:
    message = json.loads(path.read_text())
    value = base64.b64decode(message["value"])
    fields = dict(message["headers"])
    kid, sign = _wire.signer(message["api_key"])
    headers = _wire.signed_headers(
        sign=sign,
        namespace=fields["lh-ns"],
        kid=kid,
        event_id=fields["lh-id"],
        timestamp_ms=int(fields["lh-ts"]),
        kind=fields["lh-ct"],
        topic=message["topic"],
        value=value,
    )
    assert [[name, text.decode()] for name, text in headers] == message["headers"]
    if message["key"] is not None:
        assert _wire.lineage_key(json.loads(value)).decode() == message["key"]


def test_this_sdk_still_makes_its_golden_event_byte_for_byte() -> None:
    message = json.loads((GOLDEN / "sdk-0.1" / "lineage.json").read_text())
    fields = dict(message["headers"])
    job = Job("load_orders", namespace=None, inputs=None, outputs=None, description=None, tags=None, run_id=None)
    event = RunEvent(
        "START",
        datetime(2026, 11, 24, 10, tzinfo=UTC),
        "0190d0a2-0000-7000-8000-000000000001",
        {},
        job,
        "default",
        job.facets,
        job.inputs,
        job.outputs,
    )
    prepared, _ = prepare(event, fields["lh-id"], int(fields["lh-ts"]))
    signer = Signer(LineageHubConfig(api_key=message["api_key"], namespace=fields["lh-ns"]))
    topic, key, value, headers = signer.lineage(prepared)
    assert key is not None
    assert (topic, key.decode(), base64.b64encode(value).decode()) == (
        message["topic"],
        message["key"],
        message["value"],
    )
    assert [[name, text.decode()] for name, text in headers] == message["headers"]


def test_there_are_golden_messages() -> None:
    assert {path.parent.name for path in MESSAGES} >= {"sdk-0.1"}
