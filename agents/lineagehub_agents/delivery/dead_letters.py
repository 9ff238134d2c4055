"""The dead-letter writer: a record that can never be delivered, written whole and acknowledged before its offset is passed."""

from __future__ import annotations

import structlog

from lineagehub.broker.producer import Producer
from lineagehub.contract.dead_letter import HEADER_NULL_VALUE, DeadLetter
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.telemetry.redaction import redact_bytes
from lineagehub_agents.delivery.records import Record, Rejected

log = structlog.get_logger(__name__)


class DeadLetters:
    """Writes dead letters of one agent."""

    def __init__(self, producer: Producer, topic: str, agent: str) -> None:
        self._producer = producer
        self._topic = topic
        self._agent = agent

    async def write(self, record: Record, rejection: Rejected) -> None:
        """Write one dead letter and wait for its acknowledgement.

        Raises Retryable when the broker is away (then nothing may be passed over). May be repeated: source topic, partition and
        offset identify it. A record whose writer is not proved goes to the operator's lane.
        """
        partition = record.partition
        letter = DeadLetter(
            rejection.reason, rejection.detail, self._agent, partition.topic, partition.number, record.offset
        )
        headers = letter.to_headers()
        if record.value is None:
            headers.append((HEADER_NULL_VALUE, b"1"))
        # The value is kept as it is; an API key that stands in a header by mistake need not be.
        headers = [(name, redact_bytes(value) if value else value) for name, value in (*headers, *record.headers[:64])]
        lane = rejection.namespace or OPERATOR_LANE
        await self._producer.send(self._topic, record.value or b"", key=lane.encode(), headers=headers)
        log.warning(
            "A record was dead-lettered.",
            reason=rejection.reason.value,
            detail=rejection.detail,
            namespace=lane,
            partition=str(partition),
            offset=record.offset,
        )
