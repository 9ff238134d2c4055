"""The dead-letter writer: a record that can never be delivered, written whole and acknowledged before its offset is passed."""

from __future__ import annotations

import structlog

from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.broker.producer import Producer
from lineagehub.contract.dead_letter import DeadLetter, signed_headers
from lineagehub.contract.headers import BadEnvelope, read_headers
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.telemetry.redaction import redact_bytes
from lineagehub.telemetry.sparing import Sparing
from lineagehub_agents.delivery.records import Record, Rejected

log = structlog.get_logger(__name__)

MAXIMUM_ORIGINAL_HEADERS = 64


class DeadLetters:
    """Writes dead letters of one agent, signed with the hub's key."""

    def __init__(self, producer: Producer, topic: str, agent: str, signing_key: bytes) -> None:
        self._producer = producer
        self._topic = topic
        self._agent = agent
        self._signing_key = signing_key
        self._sparing = Sparing()

    async def write(self, record: Record, rejection: Rejected) -> None:
        """Write one dead letter and wait for its acknowledgement.

        Raises Retryable when the broker is away (then nothing may be passed over). May be repeated: source topic, partition and
        offset identify it. A record whose writer is not proved goes to the operator's lane.
        """
        partition = record.partition
        letter = DeadLetter(
            rejection.reason,
            rejection.detail,
            self._agent,
            partition.topic,
            partition.number,
            record.offset,
            attempt=attempt_of(record) if rejection.namespace else 1,
            timestamp_ms=record.timestamp_ms,
            key=record.key,
            is_null=record.value is None,
        )
        lane, value = rejection.namespace or OPERATOR_LANE, record.value or b""
        # The value is kept as it is; an API key that stands in a header by mistake need not be.
        ours = [(name, redact_bytes(text)) for name, text in letter.to_headers()]
        # Kafka allows null header values, whatever the type says.
        original = [(name, redact_bytes(text) if text else text) for name, text in record.headers]
        headers = signed_headers(self._signing_key, self._topic, lane, ours, original[:MAXIMUM_ORIGINAL_HEADERS], value)
        await self._producer.send(self._topic, value, key=lane.encode(), headers=headers)  # type: ignore[arg-type]  # Null values.
        unsaid = self._sparing.unsaid((lane, rejection.reason))
        if unsaid is not None:
            log.warning(
                "A record was dead-lettered.",
                reason=rejection.reason.value,
                detail=rejection.detail,
                namespace=lane,
                partition=str(partition),
                offset=record.offset,
                unsaid=unsaid,
            )


def attempt_of(record: Record) -> int:
    """Return which attempt a record was whose writer is proved, from 1: only the hub counts."""
    try:
        envelope, _ = read_headers(record.headers)
    except BadEnvelope:
        return 1
    return envelope.attempt if envelope.key_id == HUB_KEY_ID else 1
