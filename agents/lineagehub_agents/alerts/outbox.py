"""What was raised and who has it, remembered on the compacted topic `lineagehub-alerts`, so that nothing is told twice.

An alert is written there, acknowledged, before it is sent for the first time, and again when a webhook has taken it. So a process that
dies in between sends it once more, under the same id: at least once, never not at all. Memory is the topic as a CompactedView has it,
with our own writes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from lineagehub.broker.producer import Producer
from lineagehub.contract.alerts import Alert, AlertKind, AlertRecord

QUIET = timedelta(hours=1)
"""A burst, a lag or a sink that comes and goes is told of once in this time."""
KEEP = timedelta(days=3)
"""Longer than any period, and than any try to send."""


class Outbox:
    """Alerts by key. Written by one process at a time, the leader (leadership.py)."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._records: dict[str | None, dict[bytes, AlertRecord]] = {}
        """By namespace (None: the hub), then by key."""

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the topic. Called by a CompactedView; a record of our own that comes back late takes nothing away."""
        if value is None:
            for records in self._records.values():
                records.pop(key, None)
            return
        try:
            record = AlertRecord.model_validate_json(value)
        except ValidationError:
            return
        if record.alert.key == key:
            self._put(record)

    def is_new(self, alert: Alert) -> bool:
        """Tell whether nobody was told of it: of this level of a quota on its day, or a higher one; of all else, in the last hour."""
        known = self._of(alert.namespace)
        if alert.key in known:
            return False
        alike = [record.alert for record in known.values() if record.alert.kind is alert.kind]
        if alert.kind is AlertKind.QUOTA:
            return not any(other.period == alert.period and int(other.level) > int(alert.level) for other in alike)
        return not any(other.level == alert.level and other.at > alert.at - QUIET for other in alike)

    async def add(self, alerts: Iterable[Alert]) -> None:
        """Remember alerts that are to be sent. Raises Unavailable: those that are not acknowledged are not sent either."""
        await self._write(AlertRecord(alert=alert) for alert in alerts)

    def waiting_for(self, webhook_id: str, namespace: str | None, kinds: Iterable[AlertKind]) -> list[Alert]:
        """Return what a webhook of a namespace (None: the hub's) has not got, oldest first."""
        wanted = set(kinds)
        waiting = [
            record.alert
            for record in self._of(namespace).values()
            if record.alert.kind in wanted and webhook_id not in record.deliveries
        ]
        return sorted(waiting, key=lambda alert: alert.at)

    def last_sent(self, webhook_id: str, namespace: str | None) -> datetime | None:
        """Return when a webhook of a namespace took a message last."""
        deliveries = [record.deliveries.get(webhook_id) for record in self._of(namespace).values()]
        return max((delivery.at for delivery in deliveries if delivery is not None), default=None)

    async def note_delivered(
        self,
        alerts: Iterable[Alert],
        webhook_id: str,
        outcome: Literal["sent", "refused", "expired"],
        at: datetime,
    ) -> None:
        """Remember what became of alerts at a webhook. In memory at once, also when Kafka then takes nothing (raises Unavailable)."""
        held = [self._of(alert.namespace).get(alert.key, AlertRecord(alert=alert)) for alert in alerts]
        delivered = [record.delivered(webhook_id, outcome, at) for record in held]
        for record in delivered:
            self._put(record)
        await self._write(delivered)

    async def forget_old(self, now: datetime) -> None:
        """Forget alerts that are some days old. Raises Unavailable."""
        for records in self._records.values():
            old = [key for key, record in records.items() if record.alert.at < now - KEEP]
            await asyncio.gather(*(self._producer.send(self._topic, None, key) for key in old))
            for key in old:
                records.pop(key, None)

    def _of(self, namespace: str | None) -> dict[bytes, AlertRecord]:
        return self._records.get(namespace, {})

    def _put(self, record: AlertRecord) -> None:
        records = self._records.setdefault(record.alert.namespace, {})
        held = records.get(record.alert.key)
        deliveries = {**record.deliveries, **(held.deliveries if held is not None else {})}
        records[record.alert.key] = record.model_copy(update={"deliveries": deliveries})

    async def _write(self, records: Iterable[AlertRecord]) -> None:
        async def write(record: AlertRecord) -> None:
            await self._producer.send(self._topic, record.model_dump_json().encode(), record.alert.key)
            self._put(record)

        await asyncio.gather(*map(write, records))
