"""Who wrote this record? The signed envelope, checked in the order of security.md section 3, cheapest first.

Shared by all processors. Works from memory: the directory of keys is kept current by the control topic. A single-tenant hub
(LINEAGEHUB_KAFKA_TRUST=open) takes records without an envelope too, and so does any hub from a topic that is bound to one namespace
(LINEAGEHUB_KAFKA_BOUND_TOPICS): there the broker's ACLs say who wrote. Records that have an envelope must still be right.
"""

from __future__ import annotations

from datetime import UTC, datetime

from lineagehub.auth.directory import Directory
from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.auth.signature_keys import VerificationKey
from lineagehub.contract.control import DEFAULT_RETENTION_DAYS, ROLE_SCOPES, Scope
from lineagehub.contract.headers import BadEnvelope, ContentKind, Envelope, read_headers
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import SIGNALS_OF_TOPICS, TENANT_TOPICS
from lineagehub.settings import AuditSettings, KafkaSettings
from lineagehub_agents.delivery.records import Record, Rejected

OLDEST_MS = 24 * 3_600_000
NEWEST_MS = 10 * 60_000
"""A record signed more than 24 h before, or 10 min after, the broker took it is a replay or a broken clock."""

NEWEST_RECORD_MS = 253_402_300_799_000
"""The end of the year 9999. Only a broker without LogAppendTime (the embedded one) lets a producer write a later time."""

_REASONS = {
    "unsigned": Reason.UNSIGNED,
    "unsupported": Reason.UNSUPPORTED_VERSION,
    "malformed": Reason.BAD_ENVELOPE,
}


class Verifier:
    """Proves the writer of records. Never blocks."""

    def __init__(
        self, directory: Directory, kafka: KafkaSettings, audit_retention_days: int = AuditSettings().retention_days
    ) -> None:
        self.audit_retention_days = audit_retention_days
        self._directory = directory
        self.hub_signing_key = directory.hub_signing_key
        self._bound_topics = kafka.bound_topics
        self._signals = {
            name: SIGNALS_OF_TOPICS[topic.name] for topic in TENANT_TOPICS for name in kafka.broker_topics(topic)
        }
        self._open_namespace = kafka.open_namespace if kafka.trust == "open" else ""

    def verify(self, record: Record, kind: ContentKind) -> Envelope:
        """Return the envelope of a record whose writer is proved, or raise Rejected (operator's lane: namespace None).

        A namespace that the directory does not know, of a bound topic or of open trust, is taken at its word. What the broker took for a
        namespace that is deleted, and may have been made again under the same name, is nobody's.
        """
        envelope = self._proved(record, kind)
        if not self._directory.takes(envelope.namespace, _taken_at(record)):
            raise Rejected(Reason.NAMESPACE_MISMATCH, "The namespace that it was sent to is deleted.")
        return envelope

    def _proved(self, record: Record, kind: ContentKind) -> Envelope:
        bound_namespace = self._bound_topics.get(record.partition.topic)
        if record.value is None:
            raise Rejected(Reason.NULL_VALUE, "The record has no value.", bound_namespace)
        if not 0 <= record.timestamp_ms <= NEWEST_RECORD_MS:
            raise Rejected(
                Reason.CLOCK_SKEW,
                f"Its timestamp, {record.timestamp_ms} ms, is no time of the calendar.",
                bound_namespace,
            )
        try:
            envelope, signature = read_headers(record.headers)
        except BadEnvelope as error:
            namespace = bound_namespace or self._open_namespace
            if error.kind == "unsigned" and namespace:
                return _open_envelope(record, namespace, kind)
            raise Rejected(_REASONS[error.kind], str(error)) from error
        key = self._verification_key(envelope)
        if not key.has_signed(envelope, record.partition.topic, record.value, signature):
            raise Rejected(Reason.BAD_SIGNATURE, "The signature does not fit key, topic, headers and value.")
        self._check_authority(envelope, record)
        if bound_namespace and envelope.namespace != bound_namespace:
            raise Rejected(
                Reason.NAMESPACE_MISMATCH,
                f"The topic {record.partition.topic} is bound to another namespace than the record names.",
            )
        if not envelope.is_a(kind):
            raise Rejected(
                Reason.BAD_ENVELOPE,
                f"The topic takes {kind.value}, the record says {envelope.content_kind}.",
                envelope.namespace,
            )
        if envelope.attempt > 1 and not self.is_hub(envelope):
            raise Rejected(
                Reason.BAD_ENVELOPE, "Only the hub sends a record again, and counts how often.", envelope.namespace
            )
        return envelope

    def retention_days(self, namespace: str, signal: Signal) -> int:
        """Return how long the namespace keeps data of a signal, in days."""
        record = self._directory.namespaces.get(namespace)
        return record.retention_days_of(signal) if record else DEFAULT_RETENTION_DAYS

    def days_of_dead_letters(self, namespace: str, topic: str) -> int:
        """Return how long the namespace keeps dead letters of a topic: as long as what it should have become."""
        signal = self._signals.get(topic)
        return self.retention_days(namespace, signal) if signal else DEFAULT_RETENTION_DAYS

    def takes(self, namespace: str, record: Record) -> bool:
        """Whether what the broker took at the record's time is the namespace's that has this name now, if it has one."""
        return self._directory.takes(namespace, _taken_at(record))

    def is_hub(self, envelope: Envelope) -> bool:
        """Whether the hub itself signed."""
        return envelope.key_id == HUB_KEY_ID

    def is_validated(self, envelope: Envelope) -> bool:
        """Whether the hub's own web took it in: then it has validated the value, too. What it re-drives it has not."""
        return self.is_hub(envelope) and envelope.attempt == 1

    def _verification_key(self, envelope: Envelope) -> VerificationKey:
        verification_key = self._directory.verification_key(envelope.key_id)
        if verification_key is None:
            raise Rejected(Reason.UNKNOWN_KEY, f"The key id {envelope.key_id[:16]!r} is not known.")
        if not self.is_hub(envelope):
            key = self._directory.key(envelope.key_id)
            if key is None or key.namespace != envelope.namespace:
                raise Rejected(Reason.NAMESPACE_MISMATCH, "The key belongs to another namespace than the record names.")
        return verification_key

    def _check_authority(self, envelope: Envelope, record: Record) -> None:
        age_ms = record.timestamp_ms - envelope.timestamp_ms
        if not -NEWEST_MS <= age_ms <= OLDEST_MS:
            raise Rejected(Reason.CLOCK_SKEW, f"It was signed {age_ms / 1000:.0f} s before the broker took it.")
        if self.is_hub(envelope):
            return
        key = self._directory.key(envelope.key_id)
        if key is None or not key.is_valid_at(_taken_at(record)) or Scope.INGEST_WRITE not in ROLE_SCOPES[key.role]:
            raise Rejected(Reason.KEY_REVOKED, "The key was revoked, expired, or may not write.")
        if self._directory.is_of_former_namespace(key):
            raise Rejected(Reason.KEY_REVOKED, "The key is of a namespace that was deleted and made again.")


def _taken_at(record: Record) -> datetime:
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)


def _open_envelope(record: Record, namespace: str, kind: ContentKind) -> Envelope:
    """Stand in for the envelope that a third-party client does not write. Its place on Kafka names the event."""
    place = f"{record.partition}:{record.offset}@{record.timestamp_ms}"
    return Envelope(namespace, "", place, record.timestamp_ms, kind)
