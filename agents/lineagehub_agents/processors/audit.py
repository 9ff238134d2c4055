"""Audit entries: prove that the hub wrote them and that they are what contract/audit.py says, so that one bad record fails no batch.

The topic is the hub's own, and the broker's ACLs say so; where there are none (the embedded broker), only the signature does. So an entry
that is not signed by the hub is a dead letter of the operator's, those of before entries were signed included: it is kept, and believed
by nobody. They are kept as long as LINEAGEHUB_AUDIT_RETENTION_DAYS says, not as long as the namespace's data.
"""

from __future__ import annotations

from pydantic import ValidationError

from lineagehub.contract.audit import AuditEntry
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub_agents.delivery.records import CheckedRecord, Record, Rejected
from lineagehub_agents.processors.verification import Verifier


class AuditProcessor:
    """Checks records of lineagehub-audit."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        envelope = self._verifier.verify(record, ContentKind.AUDIT)
        if not self._verifier.is_hub(envelope):
            raise Rejected(Reason.BAD_SIGNATURE, "Audit entries are signed by the hub, not by a namespace's key.")
        value = record.value or b""
        try:
            entry = AuditEntry.model_validate_json(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "/".join(map(str, first["loc"]))
            raise Rejected(Reason.SCHEMA_INVALID, f"It is no audit entry: /{place}: {first['msg']}.") from error
        if (entry.namespace, str(entry.id)) != (envelope.namespace, envelope.event_id):
            raise Rejected(Reason.BAD_ENVELOPE, "Its headers name another namespace or id than the entry.")
        return CheckedRecord(record, value, envelope, self._verifier.audit_retention_days)
