"""The writer of the audit topic. Used by whatever changes something on behalf of somebody: the web's management routes and commands.

An entry is written when the broker has acknowledged it on all replicas, and not before; it is keyed by its namespace, and signed with the
hub's key as tenant records are: only so does the agent `audit` take it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.producer import Producer
from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.contract.headers import ContentKind, Envelope


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an action comes from: what its entries have in common. `client_address` is None at the command line."""

    namespace: str
    actor: Actor
    request_id: str
    client_address: str | None = None


class AuditLog:
    """Writes entries; calls may be concurrent."""

    def __init__(self, producer: Producer, topic: str, sealer: Sealer) -> None:
        self._producer = producer
        self._topic = topic
        self._signing_key = sealer.hub_signing_key

    async def write(
        self,
        origin: Origin,
        action: Action,
        target: str,
        outcome: Outcome,
        detail: Mapping[str, str | int] | None = None,
    ) -> AuditEntry:
        """Write an entry of now and return it. Raises what the producer raises: then there is none."""
        entry = AuditEntry(
            id=uuid4(),
            at=datetime.now(UTC),
            namespace=origin.namespace,
            actor=origin.actor,
            action=action,
            target=target,
            outcome=outcome,
            request_id=origin.request_id,
            client_address=origin.client_address,
            detail=dict(detail or {}),
        )
        value = entry.model_dump_json().encode()
        signed_at_ms = time.time_ns() // 1_000_000
        envelope = Envelope(entry.namespace, HUB_KEY_ID, str(entry.id), signed_at_ms, ContentKind.AUDIT.value)
        headers = envelope.to_headers(self._signing_key, self._topic, value)
        await self._producer.send(self._topic, value, entry.namespace.encode(), headers)
        return entry
