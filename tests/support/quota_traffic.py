"""Traffic of one namespace by all ways at once, and what became of it as its sender sees it: for the ledger of the daily quota.

500 events a second: lineage and spans, half of each over HTTP and half signed and straight to Kafka, with repeats and garbage among them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer
from lineagehub_sdk import _wire
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.broker.connection import client_arguments
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.topics import OPENLINEAGE_EVENTS, OTEL_SPANS
from lineagehub.settings import KafkaSettings
from tests.support.clock import Clock
from tests.support.hub import Hub
from tests.support.records import Place

NAMESPACE = "demo"
TURN_SECONDS = 0.1
HTTP_LINEAGE, HTTP_SPANS, DIRECT_LINEAGE, DIRECT_SPANS = 15, 10, 15, 10
"""Events a turn."""
EVENTS_PER_SECOND = round((HTTP_LINEAGE + HTTP_SPANS + DIRECT_LINEAGE + DIRECT_SPANS) / TURN_SECONDS)
GARBAGE = (b'{"no": "event"}', b"no JSON")
IN_FLIGHT = 200
PROTOBUF = "application/x-protobuf"


@dataclass
class Sent:
    """What the sender knows. Ids are run ids of lineage, and trace and span ids of spans.

    `places`: where what went straight to Kafka stands, with its ids, none for garbage. `refused`: ids of requests answered 429, and when
    the last one began, by the clock, in milliseconds.
    """

    accepted: set[str] = field(default_factory=set)
    accepted_records: dict[str, int] = field(default_factory=lambda: {OPENLINEAGE_EVENTS.name: 0, OTEL_SPANS.name: 0})
    refused: set[str] = field(default_factory=set)
    refused_requests_at_ms: list[int] = field(default_factory=list)
    places: dict[Place, list[str]] = field(default_factory=dict)
    events: int = 0
    repeated_requests: int = 0


class Traffic:
    """Sends from a thread of its own, between `running`'s beginning and end, except while it is `paused`."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self.sent = Sent()
        self._hub = hub
        self._clock = clock
        self._kid, self._sign = _wire.signer(hub.api_key)
        self._accepted_bodies: list[tuple[bytes, list[str]]] = []
        self._direct_lineage: list[tuple[bytes, str]] = []
        self._going = threading.Event()
        self._ended = threading.Event()
        self._idle = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Send while the block lasts; at its end all that was sent is answered. Raises what the sender raised."""
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._send_until_ended())
            except BaseException as error:
                failure.append(error)
                self._idle.set()

        self._going.set()
        thread = threading.Thread(target=run, name="traffic")
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._going.set()
            thread.join()
        if failure:
            raise failure[0]

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing while the block lasts; it begins when all that was sent is answered."""
        self._idle.clear()
        self._going.clear()
        self._idle.wait()
        try:
            yield
        finally:
            self._going.set()

    async def _send_until_ended(self) -> None:
        kafka = KafkaSettings(brokers=self._hub.ready["kafka"], idempotent=False)
        producer = AIOKafkaProducer(**client_arguments(kafka), acks="all", linger_ms=2)
        await producer.start()
        try:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._hub.api_key}"}) as session:
                while not self._ended.is_set():
                    await self._send_until_paused(session, producer)
                    self._idle.set()
                    await asyncio.to_thread(self._going.wait)
        finally:
            await producer.stop()

    async def _send_until_paused(self, session: aiohttp.ClientSession, producer: AIOKafkaProducer) -> None:
        began = time.monotonic()
        in_flight = asyncio.Semaphore(IN_FLIGHT)

        async def bounded(work: Coroutine[Any, Any, object]) -> None:
            async with in_flight:
                await work

        async with asyncio.TaskGroup() as tasks:
            for turn in itertools.count():
                await asyncio.sleep(max(0.0, began + turn * TURN_SECONDS - time.monotonic()))
                if self._ended.is_set() or not self._going.is_set():
                    return
                for work in self._turn(turn, session, producer):
                    tasks.create_task(bounded(work))

    def _turn(
        self, turn: int, session: aiohttp.ClientSession, producer: AIOKafkaProducer
    ) -> Iterator[Coroutine[Any, Any, object]]:
        """Yield what is sent in a turn: every tenth request of lineage is a repeat, and so is a record in 75; a record in 60 is garbage."""
        if turn % 10 == 9 and self._accepted_bodies:
            self.sent.repeated_requests += 1
            yield self._post_lineage(session, *self._accepted_bodies[turn % len(self._accepted_bodies)])
        else:
            events = [self._event(f"http-{number}") for number in range(HTTP_LINEAGE)]
            broken = [{"no": "event"}] if turn % 10 == 4 else []
            body = json.dumps({"events": [*events, *broken]}).encode()
            yield self._post_lineage(session, body, [event["run"]["runId"] for event in events])
        spans, ids = self._spans(HTTP_SPANS)
        yield self._post(session, "/v1/traces", spans, PROTOBUF, ids, OTEL_SPANS.name)
        for number in range(DIRECT_LINEAGE):
            if number == 0 and turn % 5 == 4:
                value, run_id = self._direct_lineage[turn % len(self._direct_lineage)]
            else:
                event = self._event(f"direct-{number}")
                value, run_id = json.dumps(event).encode(), event["run"]["runId"]
                self._direct_lineage.append((value, run_id))
            yield self._produce(producer, OPENLINEAGE_EVENTS.name, ContentKind.OPENLINEAGE, value, run_id, [run_id])
        spans, ids = self._spans(DIRECT_SPANS)
        yield self._produce(producer, OTEL_SPANS.name, ContentKind.TRACES, spans, uuid.uuid4().hex, ids)
        if turn % 4 == 3:
            value = GARBAGE[turn // 4 % len(GARBAGE)]
            yield self._produce(producer, OPENLINEAGE_EVENTS.name, ContentKind.OPENLINEAGE, value, uuid.uuid4().hex, [])
        if turn % 20 == 19:
            yield self._produce(producer, OTEL_SPANS.name, ContentKind.TRACES, b"\xff", uuid.uuid4().hex, [])

    async def _post_lineage(self, session: aiohttp.ClientSession, body: bytes, ids: list[str]) -> None:
        topic = OPENLINEAGE_EVENTS.name
        if await self._post(session, "/api/v1/lineage/ingest", body, "application/json", ids, topic):
            self._accepted_bodies.append((body, ids))

    async def _post(
        self, session: aiohttp.ClientSession, path: str, body: bytes, media_type: str, ids: list[str], topic: str
    ) -> bool:
        """Send a request until it is let in or over quota; what is answered 503 is sent again, as its client would."""
        self.sent.events += len(ids)
        while True:
            began_ms = self._clock.now_ms()
            async with session.post(self._hub.url + path, data=body, headers={"Content-Type": media_type}) as answer:
                text = await answer.text(errors="replace")
            if answer.status == 429:
                assert "quota_exceeded" in text or media_type == PROTOBUF, text
                self.sent.refused.update(ids)
                self.sent.refused_requests_at_ms.append(began_ms)
                return False
            if answer.status == 200:
                self.sent.accepted.update(ids)
                self.sent.accepted_records[topic] += len(ids) if topic == OPENLINEAGE_EVENTS.name else 1
                return True
            assert answer.status == 503, (answer.status, text)
            await asyncio.sleep(TURN_SECONDS)

    async def _produce(
        self, producer: AIOKafkaProducer, topic: str, kind: ContentKind, value: bytes, event_id: str, ids: list[str]
    ) -> None:
        self.sent.events += len(ids) or 1
        moment_ms = self._clock.now_ms()
        headers = _wire.signed_headers(
            sign=self._sign,
            namespace=NAMESPACE,
            kid=self._kid,
            event_id=event_id,
            timestamp_ms=moment_ms,
            kind=kind.value,
            topic=topic,
            value=value,
        )
        # An event's copies are on one partition, as the SDK has it.
        key = event_id.encode() if kind is ContentKind.OPENLINEAGE else None
        placed = await (await producer.send(topic, value, key=key, headers=headers, timestamp_ms=moment_ms))
        self.sent.places[placed.topic, placed.partition, placed.offset] = ids

    def _event(self, job: str) -> dict[str, Any]:
        return {
            "eventType": "COMPLETE",
            "eventTime": datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).isoformat(),
            "run": {"runId": str(uuid.uuid4())},
            "job": {"namespace": "quota", "name": job},
            "producer": "https://example.com/test",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }

    def _spans(self, count: int) -> tuple[bytes, list[str]]:
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        trace_id = uuid.uuid4()
        now_ns = self._clock.now_ms() * 1_000_000
        for number in range(1, count + 1):
            scope.spans.add(
                trace_id=trace_id.bytes,
                span_id=number.to_bytes(8, "big"),
                name="operation",
                start_time_unix_nano=now_ns,
                end_time_unix_nano=now_ns,
            )
        return request.SerializeToString(), [f"{trace_id.hex}{number:016x}" for number in range(1, count + 1)]
