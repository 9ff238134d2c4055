"""Audit entries: only what the hub signed is taken, only under its own namespace and id, and kept for days of its own."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, Rejected
from lineagehub_agents.processors.audit import AuditProcessor
from lineagehub_agents.processors.verification import Verifier

from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.contract.control import Role
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub.settings import KafkaSettings
from tests.support.signing import Tenancy, Writer

TENANCY = Tenancy()
TENANCY.namespace("analytics")
OWNER = TENANCY.tenant(role=Role.OWNER)[0]
TOPIC = "lineagehub-audit"
NOW_MS = round(datetime.now(UTC).timestamp() * 1000)
ENTRY = AuditEntry(
    id=uuid.uuid4(),
    at=datetime.now(UTC),
    namespace="analytics",
    actor=Actor(key_id="Abcd1234", role=Role.OWNER),
    action=Action.LINEAGE_JOB_DELETE,
    target="job:etl:load",
    outcome=Outcome.DONE,
    request_id="1",
)


def check(
    value: bytes | None = None,
    writer: Writer = TENANCY.hub,
    kind: str = ContentKind.AUDIT,
    signed: bool = True,
    event_id: str = str(ENTRY.id),
    namespace: str = "analytics",
    trust: str = "signed",
) -> CheckedRecord:
    """Return the processor's verdict on an entry."""
    value = ENTRY.model_dump_json().encode() if value is None else value
    headers = writer.headers(TOPIC, value, kind, event_id, NOW_MS, namespace) if signed else []
    record = Record(Partition(TOPIC, 0), 7, NOW_MS, b"analytics", value, tuple(headers))
    kafka = KafkaSettings.model_validate({"trust": trust, "open_namespace": "analytics"})
    verifier = Verifier(TENANCY.directory, kafka, audit_retention_days=400)
    return AuditProcessor(verifier).check(record)


def test_what_the_hub_signed_is_kept_as_long_as_the_audit_log_is() -> None:
    checked = check()
    assert (checked.envelope.namespace, checked.retention_days) == ("analytics", 400)
    assert AuditEntry.model_validate_json(checked.value) == ENTRY


def test_an_entry_of_no_namespace_is_the_operators() -> None:
    entry = ENTRY.model_copy(update={"namespace": "_operator"})
    assert check(entry.model_dump_json().encode(), namespace="_operator").envelope.namespace == "_operator"


@pytest.mark.parametrize("trust", ["signed", "open"])
def test_an_unsigned_entry_is_believed_by_nobody_and_kept_for_the_operator(trust: str) -> None:
    with pytest.raises(Rejected) as caught:
        check(signed=False, trust=trust)
    assert caught.value.reason in (Reason.UNSIGNED, Reason.BAD_SIGNATURE)
    assert caught.value.namespace is None


def test_no_namespaces_key_signs_an_entry_not_even_its_own() -> None:
    with pytest.raises(Rejected) as caught:
        check(writer=OWNER)
    assert (caught.value.reason, caught.value.namespace) == (Reason.BAD_SIGNATURE, None)


def test_a_signed_event_is_no_entry() -> None:
    with pytest.raises(Rejected) as caught:
        check(kind=ContentKind.OPENLINEAGE)
    assert caught.value.reason is Reason.BAD_ENVELOPE


@pytest.mark.parametrize("headers", [{"event_id": str(uuid.uuid4())}, {"namespace": "finance"}])
def test_headers_that_name_another_entry_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Rejected) as caught:
        check(**headers)  # type: ignore[arg-type] # The values are of two of its parameters.
    assert caught.value.reason is Reason.BAD_ENVELOPE


@pytest.mark.parametrize(
    "value",
    [b"{", b"[]", b"null", b"\xff", json.dumps(ENTRY.model_dump(mode="json") | {"action": "unheard.of"}).encode()],
)
def test_what_is_no_entry_is_refused_and_says_where(value: bytes) -> None:
    with pytest.raises(Rejected, match="It is none of the audit entries") as caught:
        check(value)
    assert caught.value.reason is Reason.SCHEMA_INVALID
