"""Dead letters and decisions on their way to the store: only what the hub signed is taken, whatever it is a dead letter of."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lineagehub_agents.delivery.dead_letters import DeadLetters
from lineagehub_agents.delivery.records import Partition, Record, Rejected
from lineagehub_agents.processors.dead_letters import DECISION_DAYS, DeadLetterProcessor, DecisionProcessor
from lineagehub_agents.processors.lineage import LineageProcessor
from lineagehub_agents.processors.verification import Verifier

from lineagehub.contract.audit import Actor
from lineagehub.contract.dead_letter import HEADER_SIGNATURE, read_dead_letter
from lineagehub.contract.dead_letter_decision import Decision, Verdict
from lineagehub.contract.headers import ContentKind, attempt_of
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub.settings import KafkaSettings
from tests.support.signing import Tenancy, Writer

TOPIC = "lineagehub-dead-letters"
SOURCE = "openlineage-events"
NOW_MS = round(datetime.now(UTC).timestamp() * 1000)
TENANCY = Tenancy()
TENANCY.put_namespace(
    TENANCY.namespace("analytics").model_copy(update={"signal_retention_days": {Signal.LINEAGE: 77}, "revision": 2})
)
TENANT = TENANCY.tenant()[0]
VERIFIER = Verifier(TENANCY.directory, KafkaSettings())


class Broker:
    """Keeps what a producer is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Any = ()
    ) -> tuple[int, int]:
        """See Producer."""
        self.records.append(Record(Partition(topic, 0), len(self.records), NOW_MS, key, value, tuple(headers)))
        return 0, len(self.records) - 1


def source(kind: str = ContentKind.OPENLINEAGE, writer: Writer = TENANT, value: bytes = b"{}") -> Record:
    """A record as a tenant, or the hub, wrote it."""
    headers = writer.headers(SOURCE, value, kind, "event-1", NOW_MS, "analytics")
    return Record(Partition(SOURCE, 2), 17, NOW_MS, b"run:a/b", value, tuple(headers))


def letter(
    of: Record, namespace: str | None = "analytics", reason: Reason = Reason.SCHEMA_INVALID, key: bytes | None = None
) -> Record:
    """The dead letter that an agent writes of a record."""
    broker = Broker()
    signing_key = TENANCY.sealer.hub_signing_key if key is None else key
    writer = DeadLetters(broker, TOPIC, "lineage-store", signing_key)  # type: ignore[arg-type]  # Its one method.
    asyncio.run(writer.write(of, Rejected(reason, "It is bad.", namespace)))
    (record,) = broker.records
    return record


def test_a_letter_of_the_hubs_is_taken_and_kept_as_long_as_lineage_is() -> None:
    checked = DeadLetterProcessor(VERIFIER).check(letter(source()))
    envelope = checked.envelope
    assert (envelope.namespace, envelope.event_id) == ("analytics", "event-1")
    assert envelope.content_kind == "openlineage+json"
    assert checked.retention_days == 77


@pytest.mark.parametrize("others", ["nothing", "no signature", "another hub"])
def test_what_the_hub_did_not_sign_becomes_a_letter_of_the_operators_which_is_taken_then(others: str) -> None:
    forged = letter(source(), key=b"another hub's key" if others == "another hub" else None)
    headers = {"nothing": (), "no signature": tuple(h for h in forged.headers if h[0] != HEADER_SIGNATURE)}
    record = Record(forged.partition, 5, NOW_MS, forged.key, forged.value, headers.get(others, forged.headers))
    with pytest.raises(Rejected) as caught:
        DeadLetterProcessor(VERIFIER).check(record)
    assert (caught.value.reason, caught.value.namespace) == (Reason.BAD_SIGNATURE, None)
    again = letter(record, None, caught.value.reason)
    assert DeadLetterProcessor(VERIFIER).check(again).envelope.namespace == "_operator"
    assert read_dead_letter(again.headers)[0].id == f"{TOPIC}:0:5@{NOW_MS}"


def test_a_letter_of_a_deleted_namespace_is_the_operators() -> None:
    tenancy = Tenancy()
    record = tenancy.namespace("analytics")
    tenancy.put_namespace(
        record.model_copy(
            update={"not_before": datetime.now(UTC) + timedelta(hours=1), "revision": record.revision + 1}
        )
    )
    with pytest.raises(Rejected) as caught:
        DeadLetterProcessor(Verifier(tenancy.directory, KafkaSettings())).check(letter(source()))
    assert (caught.value.reason, caught.value.namespace) == (Reason.NAMESPACE_MISMATCH, None)


@pytest.mark.parametrize(
    ("writer", "namespace", "attempt"),
    [(TENANCY.hub, "analytics", 3), (TENANCY.hub, None, 1), (TENANT, "analytics", 1)],
)
def test_the_attempt_is_counted_by_the_hub_alone(writer: Writer, namespace: str | None, attempt: int) -> None:
    of = source(attempt_of(ContentKind.OPENLINEAGE, 3), writer)
    assert read_dead_letter(letter(of, namespace).headers)[0].attempt == attempt


def test_a_tenant_cannot_say_that_his_record_is_sent_again() -> None:
    of = source(attempt_of(ContentKind.OPENLINEAGE, 2), TENANT)
    with pytest.raises(Rejected) as caught:
        VERIFIER.verify(of, ContentKind.OPENLINEAGE)
    assert (caught.value.reason, caught.value.namespace) == (Reason.BAD_ENVELOPE, "analytics")


def test_what_the_hub_sends_again_is_validated_although_the_hub_signed_it() -> None:
    processor = LineageProcessor(VERIFIER)
    assert processor.check(source(writer=TENANCY.hub)).envelope.attempt == 1, "the web has validated it"
    with pytest.raises(Rejected) as caught:
        processor.check(source(attempt_of(ContentKind.OPENLINEAGE, 2), TENANCY.hub))
    assert (caught.value.reason, caught.value.namespace) == (Reason.SCHEMA_INVALID, "analytics")


DECISION = Decision(
    id=uuid.uuid4(),
    run=uuid.uuid4(),
    at=datetime.now(UTC),
    namespace="analytics",
    verdict=Verdict.DROPPED,
    letters=("openlineage-events:0:1@1",),
    actor=Actor(key_id="Abcd1234"),
)


def decision(
    value: bytes = DECISION.model_dump_json().encode(),
    writer: Writer = TENANCY.hub,
    event_id: str = str(DECISION.id),
    namespace: str = "analytics",
) -> Record:
    """A decision as it stands on its topic."""
    topic = "lineagehub-dead-letter-decisions"
    headers = writer.headers(topic, value, ContentKind.DEAD_LETTER_DECISION, event_id, NOW_MS, namespace)
    return Record(Partition(topic, 0), 7, NOW_MS, b"analytics", value, tuple(headers))


def test_a_decision_of_the_hubs_outlives_every_letter() -> None:
    checked = DecisionProcessor(VERIFIER).check(decision())
    assert Decision.model_validate_json(checked.value) == DECISION
    assert checked.retention_days == DECISION_DAYS >= 3650


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (decision(writer=TENANT), Reason.BAD_SIGNATURE),
        (decision(event_id=str(uuid.uuid4())), Reason.BAD_ENVELOPE),
        (decision(namespace="another"), Reason.BAD_ENVELOPE),
        (decision(b"{}"), Reason.SCHEMA_INVALID),
    ],
)
def test_any_other_decision_is_believed_by_nobody(record: Record, reason: Reason) -> None:
    with pytest.raises(Rejected) as caught:
        DecisionProcessor(VERIFIER).check(record)
    assert (caught.value.reason, caught.value.namespace) == (reason, None)
