"""Dead letters, and the decisions on them: prove that the hub wrote them, and make rows of them.

Anybody who can write to their topics (on the embedded broker, everybody) could else have the hub sign his records for a namespace of his
choice, when its owner re-drives them. What the hub did not sign is a dead letter itself, of the operator's: signed, and hence taken then.
What was of a namespace that is deleted is the operator's, too: the name may be another's by now.
"""

from __future__ import annotations

from lineagehub.contract.dead_letter import BadDeadLetter, Headers, is_signed, read_dead_letter
from lineagehub.contract.dead_letter_decision import Decision
from lineagehub.contract.headers import BadEnvelope, ContentKind, Envelope, read_headers
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.contract.reasons import Reason
from lineagehub.store.landing import encode_dead_letter
from lineagehub_agents.delivery.records import CheckedRecord, Record, Rejected
from lineagehub_agents.processors._hub_documents import verify_hub_document
from lineagehub_agents.processors.verification import Verifier

DECISION_DAYS = 3650
"""Longer than any letter is kept: one whose decision was forgotten would be open again."""


class DeadLetterProcessor:
    """Checks records of lineagehub-dead-letters."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        value = record.value or b""
        topic, headers = record.partition.topic, record.headers
        if not is_signed(self._verifier.hub_signing_key, topic, record.key, headers, value):
            raise Rejected(Reason.BAD_SIGNATURE, "Dead letters are signed by the hub; this one is not.")
        try:
            letter, original = read_dead_letter(headers)
        except BadDeadLetter as error:
            raise Rejected(Reason.BAD_ENVELOPE, f"It is no dead letter: {error}") from error
        namespace = (record.key or b"").decode()
        if namespace != OPERATOR_LANE and not self._verifier.takes(namespace, record):
            raise Rejected(Reason.NAMESPACE_MISMATCH, "The namespace that it was sent to is deleted.")
        written = _envelope(original)
        envelope = Envelope(
            namespace,
            written.key_id if written else "",
            written.event_id if written else "",
            letter.timestamp_ms,
            _kind(written),
        )
        row = encode_dead_letter(letter, envelope.content_kind, value)
        return CheckedRecord(record, row, envelope, self._verifier.days_of_dead_letters(namespace, letter.topic))


class DecisionProcessor:
    """Checks records of lineagehub-dead-letter-decisions."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        kind = ContentKind.DEAD_LETTER_DECISION
        envelope = verify_hub_document(self._verifier, record, kind, Decision, "decisions on dead letters")
        return CheckedRecord(record, record.value or b"", envelope, DECISION_DAYS)


def _envelope(original: Headers) -> Envelope | None:
    """Return what the record said of itself; nothing of it need be true where its writer is not proved."""
    try:
        return read_headers((name, value or b"") for name, value in original)[0]
    except BadEnvelope:
        return None


def _kind(written: Envelope | None) -> str:
    return written.content_kind.partition(";")[0] if written else ""
