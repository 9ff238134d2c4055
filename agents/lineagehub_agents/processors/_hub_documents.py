"""JSON documents that the hub writes for itself: that it wrote this one, and that it is what the contract says. No I/O."""

from __future__ import annotations

from pydantic import ValidationError

from lineagehub.contract.audit import AuditEntry
from lineagehub.contract.dead_letter_decision import Decision
from lineagehub.contract.headers import ContentKind, Envelope
from lineagehub.contract.reasons import Reason
from lineagehub_agents.delivery.records import Record, Rejected
from lineagehub_agents.processors.verification import Verifier


def verify_hub_document(
    verifier: Verifier, record: Record, kind: ContentKind, model: type[AuditEntry | Decision], noun: str
) -> Envelope:
    """Return the envelope of a record whose value is a `model`, signed by the hub. `noun` names that to people. Raises Rejected."""
    envelope = verifier.verify(record, kind)
    if not verifier.is_hub(envelope):
        raise Rejected(Reason.BAD_SIGNATURE, f"A key of a namespace has signed it, and only the hub writes {noun}.")
    try:
        document = model.model_validate_json(record.value or b"")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(map(str, first["loc"]))
        raise Rejected(Reason.SCHEMA_INVALID, f"It is none of the {noun}: /{place}: {first['msg']}.") from error
    if (document.namespace, str(document.id)) != (envelope.namespace, envelope.event_id):
        raise Rejected(Reason.BAD_ENVELOPE, "Its headers name another namespace or id than its value.")
    return envelope
