"""The producer of web and agents: a record is written when, and only when, the broker acknowledged it on all replicas.

Idempotent (a lost acknowledgement does not write twice) and bounded: no call takes longer than the acknowledge timeout.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber, ProducerFenced
from aiokafka.partitioner import DefaultPartitioner

from lineagehub.broker.connection import client_arguments
from lineagehub.broker.expiring_batches import expire_batches
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics._topic import MEBIBYTE
from lineagehub.errors import Permanent, Unavailable
from lineagehub.settings import KafkaSettings

log = structlog.get_logger(__name__)

LINGER_MS = 2
"""Records of concurrent requests share a batch: per-record produce reaches 4,500/s, batches 75,000/s (measured for aiokafka)."""

STICKY_SECONDS = 0.01

MAXIMUM_REQUEST_BYTES = 10 * MEBIBYTE
RECONNECT_SECONDS = 1.0

Header = tuple[str, bytes]


class StickyPartitioner:
    """Puts keyless records that come together on one partition, another one every few milliseconds.

    Spread one by one, the records of one moment make a batch for each partition; together they make one, which costs web
    and broker less (KIP-480). Keyed records go where Kafka's own clients put them.
    """

    def __init__(self) -> None:
        self._by_key = DefaultPartitioner()
        self._partition = -1
        self._until = 0.0

    def __call__(self, key: bytes | None, all_partitions: list[int], available: list[int]) -> int:
        """Return one of the partitions; `available` are those with a leader. Called by aiokafka."""
        if key is not None:
            return int(self._by_key(key, all_partitions, available))
        now = time.monotonic()
        candidates = available or all_partitions
        if now >= self._until or self._partition not in candidates:
            self._partition = random.choice(candidates)  # noqa: S311 Only to spread load.
            self._until = now + STICKY_SECONDS
        return self._partition


class Producer:
    """An acknowledged producer. Start it once per process; `send` may be called concurrently from one event loop."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._client: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect, in the background: a broker that is away delays nobody's start. Returns at once."""
        self._connecting = asyncio.create_task(self._connect(), name="kafka producer connect")

    async def stop(self) -> None:
        """Flush what was sent and close. Takes at most the acknowledge timeout. May be repeated."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
            self._connecting = None
        client, self._client = self._client, None
        if client is not None:
            await _close(client, self._kafka.acknowledge_timeout_seconds)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Sequence[Header] = ()
    ) -> tuple[int, int]:
        """Write one record and wait for the acknowledgement of all in-sync replicas; return (partition, offset).

        Raises Unavailable after the acknowledge timeout at the latest (the record is then written only if it was on its way
        when the broker fell silent; repeating it is safe, its event id makes it one), Permanent(TOO_LARGE) when the record
        is larger than the topic takes.
        """
        try:
            async with asyncio.timeout(self._kafka.acknowledge_timeout_seconds):
                client = await self._connected()
                # At our timeout the future is cancelled, which aiokafka allows: the record expires with its batch.
                record = await (await client.send(topic, value, key=key, headers=list(headers)))
                return record.partition, record.offset
        except MessageSizeTooLargeError as error:
            raise Permanent(
                Reason.TOO_LARGE, f"A record of {len(value or b'')} bytes is too large for {topic}."
            ) from error
        except TimeoutError as error:
            raise Unavailable(
                "kafka", f"Kafka did not acknowledge within {self._kafka.acknowledge_timeout_seconds:g} s.", 1.0
            ) from error
        except KafkaError as error:
            if isinstance(error, OutOfOrderSequenceNumber | ProducerFenced):
                self._begin_again()
            raise Unavailable("kafka", f"Kafka refused the record: {error!r}.", 1.0) from error

    async def ping(self) -> None:
        """Raise Unavailable unless the broker answers a metadata request within the acknowledge timeout."""
        try:
            async with asyncio.timeout(self._kafka.acknowledge_timeout_seconds):
                client = await self._connected()
                await client.client.fetch_all_metadata()
        except (TimeoutError, KafkaError, OSError) as error:
            raise Unavailable("kafka", f"Kafka at {self._kafka.brokers} does not answer.", 1.0) from error

    async def _connected(self) -> AIOKafkaProducer:
        if self._client is not None and self._client._sender.sender_task.done():
            self._begin_again()
        if self._client is None:
            if self._connecting is None:
                raise Unavailable("kafka", "The producer is not started, or it is stopped.")
            await asyncio.shield(self._connecting)
        if self._client is None:
            raise Unavailable("kafka", "The producer was stopped.")
        return self._client

    def _begin_again(self) -> None:
        # aiokafka's producer never recovers from a lost sequence, nor from an unexpected error of its sender task.
        log.error("The Kafka producer is beyond repair; it is replaced.")
        client, self._client = self._client, None
        if client is not None:
            self._closing = asyncio.create_task(_close(client, 1.0), name="kafka producer close")
        self._connecting = asyncio.create_task(self._connect(), name="kafka producer connect")

    async def _connect(self) -> None:
        expire_batches()
        while True:
            client = AIOKafkaProducer(
                **client_arguments(self._kafka),
                acks="all",
                enable_idempotence=self._kafka.idempotent,
                linger_ms=LINGER_MS,
                partitioner=StickyPartitioner(),
                max_batch_size=256 * 1024,
                max_request_size=MAXIMUM_REQUEST_BYTES,
                request_timeout_ms=int(self._kafka.acknowledge_timeout_seconds * 1000),
                retry_backoff_ms=200,
            )
            try:
                await client.start()
            except (KafkaError, OSError) as error:
                log.warning("Kafka is away; trying again.", brokers=self._kafka.brokers, error=str(error))
                await _close(client, 1.0)
                await asyncio.sleep(RECONNECT_SECONDS)
            except asyncio.CancelledError:
                await _close(client, 1.0)
                raise
            else:
                self._client = client
                return


async def _close(client: AIOKafkaProducer, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await client.stop()
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("The Kafka producer did not close cleanly.", error=repr(error))
