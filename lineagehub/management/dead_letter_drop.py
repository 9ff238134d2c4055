"""Drops dead letters: nobody is to look at them again. They stay readable for as long as they are kept. Called by the web."""

from __future__ import annotations

from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.broker.dead_letter_decisions import DecisionLog
from lineagehub.broker.producer import Producer
from lineagehub.contract.audit import Action
from lineagehub.contract.dead_letter_decision import MAXIMUM_LETTERS, Verdict
from lineagehub.contract.topics import DEAD_LETTER_DECISIONS
from lineagehub.management.audited import audited
from lineagehub.management.readable_letters import wait_readable
from lineagehub.settings import KafkaSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.dead_letters import DeadLetterFilter, find_droppable


class Dropper:
    """Drops on behalf of somebody. Calls may be concurrent and may be repeated."""

    def __init__(
        self, kafka: KafkaSettings, clickhouse: ClickHouse, producer: Producer, sealer: Sealer, audit: AuditLog
    ) -> None:
        self._kafka = kafka
        self._clickhouse = clickhouse
        self._audit = audit
        self._decisions = DecisionLog(producer, kafka.topic_name(DEAD_LETTER_DECISIONS), sealer)

    async def find(self, namespace: str, wanted: DeadLetterFilter, limit: int) -> list[str]:
        """Return the ids of what `drop` would drop: the oldest that nobody is about to send. Raises LettersBehind, Unavailable."""
        await wait_readable(self._kafka, "Nothing was dropped.")
        return await find_droppable(self._clickhouse, namespace, wanted, min(limit, MAXIMUM_LETTERS))

    async def drop(self, origin: Origin, letters: list[str], why: str) -> None:
        """Drop these letters. Raises Unavailable: then none is."""
        if not letters:
            return
        detail: dict[str, str | int] = {"letters": len(letters), "first": letters[0], "last": letters[-1], "why": why}
        async with audited(self._audit, origin, Action.DEAD_LETTERS_DROP, "dead-letters", detail):
            await self._decisions.write(origin, Verdict.DROPPED, letters, why=why)
