"""Usage deltas: the hub's own topic, to which no tenant may write (broker ACLs); a record that is no delta is a dead letter."""

from __future__ import annotations

from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.contract.headers import Envelope
from lineagehub.contract.reasons import Reason
from lineagehub.contract.usage import decode_delta
from lineagehub_agents.delivery.records import CheckedRecord, Record, Rejected
from lineagehub_agents.processors.verification import Verifier


class UsageProcessor:
    """Checks records of lineagehub-usage-deltas."""

    def __init__(self, verifier: Verifier) -> None:
        del verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        value = record.value or b""
        try:
            delta = decode_delta(value)
        except ValueError as error:
            raise Rejected(Reason.INVALID_JSON, f"It is no usage delta: {error}.") from error
        place = f"{record.partition}:{record.offset}"
        envelope = Envelope(delta.namespace, HUB_KEY_ID, place, record.timestamp_ms, "lineagehub-usage-delta+json")
        return CheckedRecord(record, value, envelope, retention_days=0)
