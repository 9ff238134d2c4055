"""The writer of decisions on dead letters. Used by management/redrive.py and management/dead_letter_drop.py.

A decision is written when the broker has acknowledged it; it is signed with the hub's key: only so does the agent `dead-letters` take it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.audit import Origin
from lineagehub.broker.producer import Producer
from lineagehub.contract.dead_letter_decision import Decision, Verdict
from lineagehub.contract.headers import ContentKind, Envelope


class DecisionLog:
    """Writes decisions; calls may be concurrent."""

    def __init__(self, producer: Producer, topic: str, sealer: Sealer) -> None:
        self._producer = producer
        self._topic = topic
        self._signing_key = sealer.hub_signing_key

    async def write(
        self, origin: Origin, verdict: Verdict, letters: Sequence[str], run: UUID | None = None, why: str = ""
    ) -> UUID:
        """Write a decision of now on 1 to MAXIMUM_LETTERS letters; return its run. Raises what the producer raises: then there is none."""
        decision = Decision(
            id=uuid4(),
            run=run or uuid4(),
            at=datetime.now(UTC),
            namespace=origin.namespace,
            verdict=verdict,
            letters=tuple(letters),
            actor=origin.actor,
            why=why,
        )
        value = decision.model_dump_json().encode()
        envelope = Envelope(
            decision.namespace,
            HUB_KEY_ID,
            str(decision.id),
            time.time_ns() // 1_000_000,
            ContentKind.DEAD_LETTER_DECISION.value,
        )
        headers = envelope.to_headers(self._signing_key, self._topic, value)
        await self._producer.send(self._topic, value, decision.namespace.encode(), headers)
        return decision.run
