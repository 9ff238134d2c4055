"""Audit entries: prove that the hub wrote them and that they are what contract/audit.py says, so that one bad record fails no batch.

The topic is the hub's own, and the broker's ACLs say so; where there are none (the embedded broker), only the signature does. So an entry
that is not signed by the hub is a dead letter of the operator's, those of before entries were signed included: it is kept, and believed
by nobody. They are kept as long as LINEAGEHUB_AUDIT_RETENTION_DAYS says, not as long as the namespace's data.
"""

from __future__ import annotations

from lineagehub.contract.audit import AuditEntry
from lineagehub.contract.headers import ContentKind
from lineagehub_agents.delivery.records import CheckedRecord, Record
from lineagehub_agents.processors._hub_documents import verify_hub_document
from lineagehub_agents.processors.verification import Verifier


class AuditProcessor:
    """Checks records of lineagehub-audit."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def check(self, record: Record) -> CheckedRecord:
        """See Processor."""
        envelope = verify_hub_document(self._verifier, record, ContentKind.AUDIT, AuditEntry, "audit entries")
        return CheckedRecord(record, record.value or b"", envelope, self._verifier.audit_retention_days)
