"""Which bursts of dead letters are due: many of one reason in five minutes, against the hour before. And the reader that counts them.

Only headers, key and time of a dead letter are looked at.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.tolerant_records import tolerate_bad_header_names
from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.contract.dead_letter import HEADER_REASON
from lineagehub.contract.namespaces import OPERATOR_LANE, is_namespace
from lineagehub.settings import KafkaSettings

log = structlog.get_logger(__name__)

BURST_MINUTES = 5
BEFORE_MINUTES = 60
TIMES_BEFORE = 3
"""A burst has more than so many times what five minutes of the hour before had: a stream that always fails is told of once."""
POLL_MS = 1_000
RECONNECT_SECONDS = 2.0

_is_reason = re.compile(r"[a-z_]{1,40}").fullmatch

Lane = tuple[str, str]
"""Namespace (or `_operator`) and reason."""


class DeadLetterWatch:
    """Dead letters of the last hour, counted by namespace, reason and minute. `minimum` of them in five minutes can be a burst."""

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum
        self._counts: dict[Lane, Counter[int]] = {}

    def note(self, namespace: str, reason: str, at: datetime) -> None:
        """Count one dead letter. What has no namespace or reason as we write them is passed over."""
        if (is_namespace(namespace) or namespace == OPERATOR_LANE) and _is_reason(reason):
            self._counts.setdefault((namespace, reason), Counter())[_minute(at)] += 1

    def due(self, now: datetime) -> Iterator[Alert]:
        """Yield the bursts that there are now. Whether they were told of is not asked here."""
        last = _minute(now)
        first = last - BURST_MINUTES + 1
        for (namespace, reason), counts in list(self._counts.items()):
            for minute in [minute for minute in counts if minute < first - BEFORE_MINUTES]:
                del counts[minute]
            if not counts:
                del self._counts[namespace, reason]
            recent = sum(count for minute, count in counts.items() if minute >= first)
            before = sum(count for minute, count in counts.items() if minute < first)
            usual = before * BURST_MINUTES / BEFORE_MINUTES
            if recent >= self._minimum and recent > TIMES_BEFORE * usual:
                yield _alert(namespace, reason, recent, before, now)


class DeadLetterReader:
    """Follows the topic of dead letters, from the hour before on, and counts what it reads. Belongs to no group: nothing is committed."""

    def __init__(self, kafka: KafkaSettings, topic: str, watch: DeadLetterWatch) -> None:
        self._kafka = kafka
        self._topic = topic
        self._watch = watch

    async def follow_for_ever(self) -> None:
        """Read until cancelled; a broker that is away is asked again, from where reading ended."""
        tolerate_bad_header_names()
        positions: dict[TopicPartition, int] = {}
        while True:
            try:
                await self._follow(positions)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("The dead letters cannot be read; trying again.", topic=self._topic, error=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self, positions: dict[TopicPartition, int]) -> None:
        consumer = AIOKafkaConsumer(
            **client_arguments(self._kafka), enable_auto_commit=False, auto_offset_reset="earliest", group_id=None
        )
        try:
            await consumer.start()
            cluster = await consumer._client.fetch_all_metadata()
            numbers = cluster.partitions_for_topic(self._topic)
            if not numbers:
                log.warning("The topic is not there yet; waiting for `lineagehub topics apply`.", topic=self._topic)
                await asyncio.sleep(RECONNECT_SECONDS)
                return
            partitions = [TopicPartition(self._topic, number) for number in sorted(numbers)]
            consumer.assign(partitions)
            await self._seek(consumer, partitions, positions)
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    for record in records:
                        self._note(record)
                    positions[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()

    async def _seek(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition], positions: dict[TopicPartition, int]
    ) -> None:
        since_ms = int((time.time() - (BURST_MINUTES + BEFORE_MINUTES) * 60) * 1000)
        unread = [partition for partition in partitions if partition not in positions]
        found = await consumer.offsets_for_times(dict.fromkeys(unread, since_ms)) if unread else {}
        for partition in partitions:
            entry = found.get(partition)
            if partition in positions:
                consumer.seek(partition, positions[partition])
            elif entry is not None:
                consumer.seek(partition, entry.offset)
            else:
                # Nothing is so young there; from its beginning, as the embedded broker's answer may lag behind what it holds.
                await consumer.seek_to_beginning(partition)

    def _note(self, record: ConsumerRecord) -> None:
        reason = next((value for name, value in record.headers if name == HEADER_REASON), b"")
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        self._watch.note((record.key or b"").decode(errors="replace"), reason.decode(errors="replace"), at)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _alert(namespace: str, reason: str, recent: int, before: int, now: datetime) -> Alert:
    whose = "records that nobody is proved to have written" if namespace == OPERATOR_LANE else "records"
    return Alert(
        namespace=None if namespace == OPERATOR_LANE else namespace,
        kind=AlertKind.DEAD_LETTERS,
        level=reason,
        period=f"{now.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        text=f"{recent:,} {whose} became dead letters in {BURST_MINUTES} minutes ({reason}); {before:,} did in the hour before.",
        figures={"reason": reason, "recent": recent, "minutes": BURST_MINUTES, "hour_before": before},
        at=now,
    )
