"""Who wrote a record: every reason to refuse one, in the order of the checks, and whose lane its dead letter goes to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lineagehub_agents.delivery.records import Partition, Record, Rejected
from lineagehub_agents.processors.verification import Verifier

from lineagehub.auth.issuing import changed_key, changed_namespace, new_namespace
from lineagehub.contract.control import Role, SignatureAlgorithm
from lineagehub.contract.headers import ContentKind, derive_signing_key
from lineagehub.contract.keys import api_key_key
from lineagehub.contract.reasons import UNVERIFIED_REASONS, Reason
from lineagehub.contract.signals import Signal
from lineagehub.settings import KafkaSettings
from tests.support.signing import Tenancy, Writer

TOPIC = "openlineage-events"
KIND = ContentKind.OPENLINEAGE
VALUE = b"{}"
BROKER_TIME = datetime.now(UTC)
BROKER_MS = round(BROKER_TIME.timestamp() * 1000)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

Headers = list[tuple[str, bytes]]


@pytest.fixture
def tenancy() -> Tenancy:
    """Two namespaces."""
    tenancy = Tenancy()
    tenancy.namespace("analytics")
    tenancy.namespace("finance")
    return tenancy


def signed(writer: Writer, signed_at_ms: int = BROKER_MS, namespace: str | None = None, kind: str = KIND) -> Headers:
    return writer.headers(TOPIC, VALUE, kind, "event-1", signed_at_ms, namespace)


def record(headers: Headers, value: bytes | None = VALUE, topic: str = TOPIC, taken_at_ms: int = BROKER_MS) -> Record:
    return Record(Partition(topic, 0), 7, taken_at_ms, None, value, tuple(headers))


def verifier(tenancy: Tenancy, **kafka: object) -> Verifier:
    return Verifier(tenancy.directory, KafkaSettings.model_validate(kafka))


def refusal(tenancy: Tenancy, of: Record) -> Rejected:
    with pytest.raises(Rejected) as caught:
        verifier(tenancy).verify(of, KIND)
    return caught.value


def test_a_tenants_record_is_taken_for_its_namespace(tenancy: Tenancy) -> None:
    writer, api_key, _ = tenancy.tenant()
    envelope = verifier(tenancy).verify(record(signed(writer)), KIND)
    assert (envelope.namespace, envelope.key_id, envelope.event_id) == ("analytics", api_key.kid, "event-1")
    assert not verifier(tenancy).is_hub(envelope)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_either_algorithm_proves_the_writer_and_binds_the_record(
    tenancy: Tenancy, algorithm: SignatureAlgorithm
) -> None:
    writer, api_key, _ = tenancy.tenant(algorithm=algorithm)
    assert verifier(tenancy).verify(record(signed(writer)), KIND).key_id == api_key.kid
    for forged in (
        record(signed(writer), value=b"{ }"),
        record(signed(writer), topic="otel-spans"),
        record(replaced(signed(writer), "lh-id", b"event-2")),
        record(replaced(signed(writer), "lh-sig", b"AAAA")),
        record(replaced(signed(writer), "lh-sig", b"A" * 86)),
    ):
        assert refusal(tenancy, forged).reason is Reason.BAD_SIGNATURE
    assert refusal(tenancy, record(signed(writer, namespace="finance"))).reason is Reason.NAMESPACE_MISMATCH


def test_who_knows_what_the_hub_holds_of_an_ed25519_key_cannot_sign_with_it(tenancy: Tenancy) -> None:
    _, api_key, held = tenancy.tenant(algorithm=SignatureAlgorithm.ED25519)
    leaked = tenancy.sealer.open(held.signing_key, held.kid, held.algorithm)
    assert leaked is not None
    hmac_key = derive_signing_key(api_key.secret, api_key.kid)
    for forger in (
        Writer.with_hmac_key("analytics", held.kid, leaked),
        Writer.with_hmac_key("analytics", held.kid, hmac_key),
        Writer("analytics", held.kid, Ed25519PrivateKey.from_private_bytes(leaked).sign),
    ):
        assert refusal(tenancy, record(signed(forger))).reason is Reason.BAD_SIGNATURE


def test_the_hub_may_write_for_any_namespace(tenancy: Tenancy) -> None:
    envelope = verifier(tenancy).verify(record(signed(tenancy.hub, namespace="finance")), KIND)
    assert envelope.namespace == "finance"
    assert verifier(tenancy).is_hub(envelope)


def replaced(headers: Headers, name: str, value: bytes) -> Headers:
    return [(header, value if header == name else old) for header, old in headers]


CASES: dict[str, tuple[Callable[[Tenancy], Record], Reason]] = {
    "a null value": (lambda t: record(signed(t.tenant()[0]), value=None), Reason.NULL_VALUE),
    "no headers": (lambda t: record([]), Reason.UNSIGNED),
    "headers of others only": (lambda t: record([("traceparent", b"00-1-1-01")]), Reason.UNSIGNED),
    "another version": (lambda t: record(replaced(signed(t.tenant()[0]), "lh-v", b"9")), Reason.UNSUPPORTED_VERSION),
    "a field twice": (lambda t: record([*signed(t.tenant()[0]), ("lh-ns", b"finance")]), Reason.BAD_ENVELOPE),
    "100,000 headers": (lambda t: record([("x", b"")] * 100_000 + signed(t.tenant()[0])), Reason.BAD_ENVELOPE),
    "a key that nobody knows": (
        lambda t: record(replaced(signed(t.tenant()[0]), "lh-kid", b"Unknown0")),
        Reason.UNKNOWN_KEY,
    ),
    "a namespace that is not the key's": (
        lambda t: record(signed(t.tenant()[0], namespace="finance")),
        Reason.NAMESPACE_MISMATCH,
    ),
    "another's namespace written into the header": (
        lambda t: record(replaced(signed(t.tenant()[0]), "lh-ns", b"finance")),
        Reason.NAMESPACE_MISMATCH,
    ),
    "another body": (lambda t: record(signed(t.tenant()[0]), value=b"{ }"), Reason.BAD_SIGNATURE),
    "another topic": (lambda t: record(signed(t.tenant()[0]), topic="otel-spans"), Reason.BAD_SIGNATURE),
    "another event id": (
        lambda t: record(replaced(signed(t.tenant()[0]), "lh-id", b"event-2")),
        Reason.BAD_SIGNATURE,
    ),
    "an empty signature of the right form": (
        lambda t: record(replaced(signed(t.tenant()[0]), "lh-sig", b"AAAA")),
        Reason.BAD_SIGNATURE,
    ),
    "the hub's key id with another key": (
        lambda t: record(signed(Writer("analytics", t.hub.key_id, t.tenant()[0].sign))),
        Reason.BAD_SIGNATURE,
    ),
    "signed more than a day before": (
        lambda t: record(signed(t.tenant()[0], BROKER_MS - 24 * HOUR_MS - 1)),
        Reason.CLOCK_SKEW,
    ),
    "signed more than ten minutes ahead": (
        lambda t: record(signed(t.tenant()[0], BROKER_MS + 10 * MINUTE_MS + 1)),
        Reason.CLOCK_SKEW,
    ),
    "a replay of the hub's": (lambda t: record(signed(t.hub, BROKER_MS - 25 * HOUR_MS)), Reason.CLOCK_SKEW),
    "a time beyond the calendar": (
        lambda t: record(signed(t.tenant()[0], 10**15 - 1), taken_at_ms=10**15 - 1),
        Reason.CLOCK_SKEW,
    ),
    "no time": (lambda t: record(signed(t.tenant()[0]), taken_at_ms=-1), Reason.CLOCK_SKEW),
    "a key that may only read": (lambda t: record(signed(t.tenant(role=Role.READER)[0])), Reason.KEY_REVOKED),
    "a key that expired": (
        lambda t: record(signed(t.tenant(lifetime=timedelta(days=-1))[0])),
        Reason.KEY_REVOKED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_record_that_nobody_proved_goes_to_the_operator(tenancy: Tenancy, case: str) -> None:
    build, reason = CASES[case]
    rejected = refusal(tenancy, build(tenancy))
    assert rejected.reason is reason
    assert rejected.namespace is None
    assert reason in UNVERIFIED_REASONS | {Reason.NULL_VALUE}
    assert rejected.detail.endswith(".")


def test_a_proved_writer_with_the_wrong_kind_of_content_finds_it_in_its_own_lane(tenancy: Tenancy) -> None:
    rejected = refusal(tenancy, record(signed(tenancy.tenant()[0], kind=ContentKind.TRACES)))
    assert (rejected.reason, rejected.namespace) == (Reason.BAD_ENVELOPE, "analytics")


def test_the_bounds_of_the_clock_are_inside(tenancy: Tenancy) -> None:
    writer, _, _ = tenancy.tenant()
    for signed_at_ms in (BROKER_MS - 24 * HOUR_MS, BROKER_MS + 10 * MINUTE_MS):
        assert verifier(tenancy).verify(record(signed(writer, signed_at_ms)), KIND)


def test_a_key_is_judged_at_the_brokers_time_so_that_a_backlog_still_counts(tenancy: Tenancy) -> None:
    writer, _, key = tenancy.tenant()
    tenancy.put_key(changed_key(key, revoked_at=BROKER_TIME))
    before, after = BROKER_MS - 1_000, BROKER_MS + 1_000
    assert verifier(tenancy).verify(record(signed(writer, before), taken_at_ms=before), KIND)
    assert refusal(tenancy, record(signed(writer, after), taken_at_ms=after)).reason is Reason.KEY_REVOKED


def test_a_deleted_key_is_unknown(tenancy: Tenancy) -> None:
    writer, api_key, _ = tenancy.tenant()
    tenancy.directory.apply(api_key_key(api_key.kid), None)
    assert refusal(tenancy, record(signed(writer))).reason is Reason.UNKNOWN_KEY


def test_a_deleted_namespaces_records_are_nobodys_whoever_signed_and_whenever(tenancy: Tenancy) -> None:
    """Also what the broker took before the deletion: stored after the purge, it would be there for a namespace made again."""
    writer, _, _ = tenancy.tenant()
    tenancy.put_namespace(changed_namespace(tenancy.namespace("analytics"), deleted_at=BROKER_TIME))
    for signer in (writer, tenancy.hub):
        for taken_at_ms in (BROKER_MS - MINUTE_MS, BROKER_MS + MINUTE_MS):
            rejected = refusal(tenancy, record(signed(signer, taken_at_ms), taken_at_ms=taken_at_ms))
            assert (rejected.reason, rejected.namespace) == (Reason.NAMESPACE_MISMATCH, None)
    assert verifier(tenancy).verify(record(signed(tenancy.hub, namespace="finance")), KIND)


def test_a_namespace_made_again_takes_what_is_its_own_and_nothing_by_the_keys_of_the_former(tenancy: Tenancy) -> None:
    writer, _, _ = tenancy.tenant()
    deleted = changed_namespace(tenancy.namespace("analytics"), deleted_at=BROKER_TIME - timedelta(minutes=2))
    purged = changed_namespace(deleted, purged_at=BROKER_TIME - timedelta(minutes=1))
    tenancy.put_namespace(new_namespace("analytics", purged))
    earlier = BROKER_MS - 2 * MINUTE_MS
    assert (
        refusal(tenancy, record(signed(tenancy.hub, earlier), taken_at_ms=earlier)).reason is Reason.NAMESPACE_MISMATCH
    )
    assert verifier(tenancy).verify(record(signed(tenancy.hub)), KIND)
    rejected = refusal(tenancy, record(signed(writer)))
    assert (rejected.reason, rejected.namespace) == (Reason.KEY_REVOKED, None)
    assert verifier(tenancy).verify(record(signed(tenancy.tenant()[0])), KIND)


def test_a_bound_topic_of_a_deleted_namespace_is_the_operators_and_of_an_unknown_one_taken(tenancy: Tenancy) -> None:
    bound = verifier(tenancy, bound_topics={f"{TOPIC}.a": "analytics", f"{TOPIC}.b": "brand-new"})
    tenancy.put_namespace(changed_namespace(tenancy.namespace("analytics"), deleted_at=BROKER_TIME))
    with pytest.raises(Rejected) as caught:
        bound.verify(record([], topic=f"{TOPIC}.a"), KIND)
    assert (caught.value.reason, caught.value.namespace) == (Reason.NAMESPACE_MISMATCH, None)
    assert bound.verify(record([], topic=f"{TOPIC}.b"), KIND).namespace == "brand-new"


def test_an_empty_value_can_be_signed(tenancy: Tenancy) -> None:
    writer, _, _ = tenancy.tenant()
    headers = writer.headers(TOPIC, b"", KIND, "event-1", BROKER_MS)
    assert verifier(tenancy).verify(record(headers, value=b""), KIND)


def test_retention_is_the_namespaces(tenancy: Tenancy) -> None:
    tenancy.put_namespace(changed_namespace(tenancy.namespace("analytics"), retention_days=7))
    assert verifier(tenancy).retention_days("analytics", Signal.LINEAGE) == 7
    assert verifier(tenancy).retention_days("unknown-one", Signal.LINEAGE) == 30


def test_an_open_hub_takes_unsigned_records_for_its_one_namespace(tenancy: Tenancy) -> None:
    is_open = verifier(tenancy, trust="open", open_namespace="analytics")
    first = is_open.verify(record([("traceparent", b"x")]), KIND)
    assert (first.namespace, first.timestamp_ms, first.content_kind) == ("analytics", BROKER_MS, KIND)
    assert not is_open.is_hub(first), "what nobody validated is validated"


def test_an_open_hub_names_events_by_their_place_so_that_a_repeat_is_recognised(tenancy: Tenancy) -> None:
    is_open = verifier(tenancy, trust="open", open_namespace="analytics")
    same, again = (is_open.verify(record([]), KIND).event_id for _ in range(2))
    assert same == again
    elsewhere = Record(Partition(TOPIC, 0), 8, BROKER_MS, None, VALUE, ())
    assert is_open.verify(elsewhere, KIND).event_id != same


def test_an_open_hub_still_refuses_a_wrong_signature(tenancy: Tenancy) -> None:
    is_open = verifier(tenancy, trust="open", open_namespace="analytics")
    with pytest.raises(Rejected) as caught:
        is_open.verify(record(replaced(signed(tenancy.tenant()[0]), "lh-ns", b"finance")), KIND)
    assert caught.value.reason is Reason.NAMESPACE_MISMATCH


BOUND_TOPIC = f"{TOPIC}.finance"


def bound(tenancy: Tenancy, namespace: str = "finance", **kafka: str) -> Verifier:
    settings = KafkaSettings.model_validate({"bound_topics": {BOUND_TOPIC: namespace}, **kafka})
    return Verifier(tenancy.directory, settings)


def signed_for_bound_topic(writer: Writer, namespace: str | None = None) -> Record:
    headers = writer.headers(BOUND_TOPIC, VALUE, KIND, "event-1", BROKER_MS, namespace)
    return record(headers, topic=BOUND_TOPIC)


def test_an_unsigned_record_of_a_bound_topic_belongs_to_the_topics_namespace(tenancy: Tenancy) -> None:
    verifying = bound(tenancy)
    envelope = verifying.verify(record([("traceparent", b"x")], topic=BOUND_TOPIC), KIND)
    assert (envelope.namespace, envelope.timestamp_ms, envelope.content_kind) == ("finance", BROKER_MS, KIND)
    assert not verifying.is_hub(envelope), "what nobody validated is validated"


def test_a_bound_topic_opens_no_other(tenancy: Tenancy) -> None:
    for topic in (TOPIC, f"{BOUND_TOPIC}.2", "otel-spans"):
        with pytest.raises(Rejected) as caught:
            bound(tenancy).verify(record([], topic=topic), KIND)
        assert (caught.value.reason, caught.value.namespace) == (Reason.UNSIGNED, None)


def test_the_topics_namespace_goes_before_that_of_open_trust(tenancy: Tenancy) -> None:
    verifying = bound(tenancy, trust="open", open_namespace="analytics")
    assert verifying.verify(record([], topic=BOUND_TOPIC), KIND).namespace == "finance"
    assert verifying.verify(record([]), KIND).namespace == "analytics"


def test_a_signed_record_of_a_bound_topic_is_taken_for_its_own_namespace_only(tenancy: Tenancy) -> None:
    verifying = bound(tenancy)
    envelope = verifying.verify(signed_for_bound_topic(tenancy.tenant("finance")[0]), KIND)
    assert (envelope.namespace, envelope.event_id) == ("finance", "event-1")
    for other in (tenancy.tenant("analytics")[0], tenancy.hub):
        with pytest.raises(Rejected, match=f"{BOUND_TOPIC} is bound to another namespace") as caught:
            verifying.verify(signed_for_bound_topic(other, "analytics"), KIND)
        assert (caught.value.reason, caught.value.namespace) == (Reason.NAMESPACE_MISMATCH, None)


def test_a_wrong_signature_on_a_bound_topic_is_no_absent_one(tenancy: Tenancy) -> None:
    headers = tenancy.tenant("finance")[0].headers(BOUND_TOPIC, b"{ }", KIND, "event-1", BROKER_MS)
    with pytest.raises(Rejected) as caught:
        bound(tenancy).verify(record(headers, topic=BOUND_TOPIC), KIND)
    assert (caught.value.reason, caught.value.namespace) == (Reason.BAD_SIGNATURE, None)


def test_a_record_without_value_or_time_on_a_bound_topic_is_its_namespaces_dead_letter(tenancy: Tenancy) -> None:
    for unfit, reason in (
        (record([], value=None, topic=BOUND_TOPIC), Reason.NULL_VALUE),
        (record([], topic=BOUND_TOPIC, taken_at_ms=-1), Reason.CLOCK_SKEW),
    ):
        with pytest.raises(Rejected) as caught:
            bound(tenancy).verify(unfit, KIND)
        assert (caught.value.reason, caught.value.namespace) == (reason, "finance")


def test_a_bound_namespace_may_be_made_later(tenancy: Tenancy) -> None:
    verifying = bound(tenancy, "not-yet-there")
    assert verifying.verify(record([], topic=BOUND_TOPIC), KIND).namespace == "not-yet-there"
    assert verifying.retention_days("not-yet-there", Signal.LINEAGE) == 30
