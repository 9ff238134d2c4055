"""Re-drive: what was over quota is sent again, as much of it as the namespace may still send today. Called by `lineagehub over-quota`.

A record goes back to the topic that it came from, under its key. One that its tenant signed is signed by the hub instead, as what comes
over HTTP is: its own signature is too old by tomorrow. One that nobody signed, of a bound topic, goes as it was. What is sent is
committed, chunk by chunk, in a consumer group of the namespace's own, so that a repeat goes on where the last one stopped. Before a
chunk is sent it is claimed, on the topic itself: after a kill the next re-drive looks for what of the claimed chunk stands on its topics
already. Only what nobody signed is not believed there, and goes twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from lineagehub.auth.directory import Directory
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.fetches import answered_since
from lineagehub.broker.producer import Producer
from lineagehub.broker.redriven import find_redriven
from lineagehub.contract.headers import BadEnvelope, Envelope, read_headers
from lineagehub.contract.over_quota import HEADER_REDRIVEN, Origin, claim_headers, claimed_by, origin_of
from lineagehub.contract.topics import OVER_QUOTA
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

GROUP = "lineagehub-over-quota-redrive"
CHUNK = 100
CLOCKS_MS = 10_000
"""So much may the clocks of broker and producers differ, where the broker keeps the producer's."""
FETCH_MS = 300
READ_SECONDS = 30.0


@dataclass(slots=True)
class Redriven:
    """What became of the records of a namespace. `left` are sent by a later re-drive."""

    sent: int = 0
    events: int = 0
    refused: int = 0
    left: int = 0


@dataclass(slots=True)
class Held:
    """One over-quota record: where it stands now, and what it was."""

    place: TopicPartition
    offset: int
    origin: Origin
    headers: list[tuple[str, bytes]]
    value: bytes


@dataclass
class Redriver:
    """Sends records of one namespace again."""

    kafka: KafkaSettings
    directory: Directory
    sealer: Sealer
    producer: Producer
    namespace: str
    _redriven: Redriven = field(default_factory=Redriven)
    _claims: dict[str, int] = field(default_factory=dict)

    async def redrive(self, room: int | None) -> Redriven:
        """Send records with at most `room` events in all (None: all of them), oldest first. Raises Unavailable."""
        topic = self.kafka.topic_name(OVER_QUOTA)
        try:
            async with _reader(self.kafka, f"{GROUP}-{self.namespace}") as consumer:
                held = await self._read(consumer, topic)
                handled = 0
                there = await self._sent_by_a_dead_one(held)
                for start in range(0, len(held), CHUNK):
                    chunk = self._fitting(held[start : start + CHUNK], room, there)
                    if chunk:
                        await self.producer.send(topic, None, self.namespace.encode(), claim_headers(chunk[0].origin))
                    await asyncio.gather(*(self._send(one) for one in chunk if one.origin.id not in there))
                    await _commit(consumer, chunk)
                    handled += len(chunk)
                    if len(chunk) < len(held[start : start + CHUNK]):
                        break
        except KafkaError as error:
            raise Unavailable("kafka", f"The topic {topic} cannot be read: {error!r}.") from error
        self._redriven.left = len(held) - handled
        return self._redriven

    async def _read(self, consumer: AIOKafkaConsumer, topic: str) -> list[Held]:
        """Return the namespace's records that no re-drive has sent, in order within each partition, and none twice."""
        records = [record for record in await _all_records(consumer, topic) if record.key == self.namespace.encode()]
        seen: set[str] = set()
        held: list[Held] = []
        committed = {place: await consumer.committed(place) or 0 for place in consumer.assignment()}
        for record in records:
            claimed = claimed_by(record.headers)
            if claimed is not None:
                self._claims.setdefault(claimed, record.timestamp)
                continue
            try:
                origin, headers = origin_of(record.headers)
            except ValueError:
                self._redriven.refused += 1
                continue
            place = TopicPartition(record.topic, record.partition)
            if origin.id not in seen and record.offset >= committed[place]:
                held.append(Held(place, record.offset, origin, headers, record.value or b""))
            seen.add(origin.id)
        return held

    async def _sent_by_a_dead_one(self, held: Sequence[Held]) -> set[str]:
        """Return which records, by id, of the first chunk stand on their topics: it was claimed and never committed."""
        claimed_ms = self._claims.get(held[0].origin.id) if held else None
        if claimed_ms is None:
            return set()
        by_topic: defaultdict[str, list[str]] = defaultdict(list)
        for one in held[:CHUNK]:
            by_topic[one.origin.topic].append(one.origin.id)
        since_ms, until_ms = claimed_ms - CLOCKS_MS, time.time_ns() // 1_000_000
        key = self.sealer.hub_signing_key
        return await find_redriven(self.kafka, key, by_topic, since_ms, until_ms, HEADER_REDRIVEN)

    def _fitting(self, chunk: Sequence[Held], room: int | None, there: Collection[str]) -> list[Held]:
        """Return the first records of the chunk, as many as there is room for. What is there already takes none."""
        fitting: list[Held] = []
        for one in chunk:
            if one.origin.id in there:
                fitting.append(one)
                continue
            if room is not None and self._redriven.events + one.origin.events > room:
                break
            self._redriven.events += one.origin.events
            fitting.append(one)
        return fitting

    async def _send(self, one: Held) -> None:
        headers = self._headers(one)
        if headers is None:
            self._redriven.refused += 1
            self._redriven.events -= one.origin.events
            return
        headers = [*headers, (HEADER_REDRIVEN, one.origin.id.encode())]
        await self.producer.send(one.origin.topic, one.value, key=one.origin.key or None, headers=headers)
        self._redriven.sent += 1

    def _headers(self, one: Held) -> list[tuple[str, bytes]] | None:
        """Return the headers to send it with, or None when its tenant did not write it."""
        try:
            envelope, signature = read_headers(one.headers)
        except BadEnvelope as error:
            is_bound = self.kafka.bound_topics.get(one.origin.topic) == self.namespace
            return one.headers if error.kind == "unsigned" and (is_bound or self.kafka.trust == "open") else None
        key = self.directory.verification_key(envelope.key_id)
        if key is None or envelope.namespace != self.namespace:
            return None
        if not key.has_signed(envelope, one.origin.topic, one.value, signature):
            return None
        # What the hub finds out about a value is behind the kind, and only the web may say so.
        kind = envelope.content_kind.partition(";")[0]
        signed = Envelope(self.namespace, HUB_KEY_ID, envelope.event_id, time.time_ns() // 1_000_000, kind)
        return signed.to_headers(self.sealer.hub_signing_key, one.origin.topic, one.value)


@asynccontextmanager
async def _reader(kafka: KafkaSettings, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **client_arguments(kafka), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _all_records(consumer: AIOKafkaConsumer, topic: str) -> list[ConsumerRecord]:
    cluster = await consumer._client.fetch_all_metadata()
    places = [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
    consumer.assign(places)
    if not places:
        return []
    await consumer.seek_to_beginning(*places)
    records: list[ConsumerRecord] = []
    moved_ms = time.time_ns() // 1_000_000
    deadline = time.monotonic() + READ_SECONDS
    while True:
        found = await consumer.getmany(timeout_ms=FETCH_MS)
        if found:
            moved_ms = time.time_ns() // 1_000_000
        records += [record for batch in found.values() for record in batch]
        if not found and answered_since(consumer, places, moved_ms):
            return records
        if time.monotonic() > deadline:
            raise Unavailable("kafka", f"The topic {topic} could not be read in {READ_SECONDS:g} s.")


async def _commit(consumer: AIOKafkaConsumer, chunk: Iterable[Held]) -> None:
    ends: dict[TopicPartition, int] = {}
    for one in chunk:
        ends[one.place] = max(one.offset + 1, ends.get(one.place, 0))
    if ends:
        await consumer.commit(ends)
