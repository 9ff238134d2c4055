"""Kafka: straight to the broker, signed with the API key, acknowledged by all replicas. Extra: `lineagehub-sdk[kafka]`.

aiokafka runs on an event loop of its own, in a thread of its own, so that it works beside any other loop. It and asyncio (25 ms) are
imported when a producer is made, so that `import lineagehub_sdk` stays cheap.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent

CLOSE_SECONDS = 5.0
INSTALL = "pip install 'lineagehub-sdk[kafka]'"
Record = tuple[str, bytes, bytes | None, list[tuple[str, bytes]]]


class SignedProducer:
    """Produces signed records of one namespace. `send` blocks until all of them are acknowledged."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when something is missing: the package, the brokers, the key or the namespace."""
        try:
            import asyncio

            import aiokafka  # noqa: F401 only whether it is there
        except ImportError as error:
            raise TransportRefused(f"the kafka transport needs aiokafka: {INSTALL}") from error
        if not config.kafka_brokers or not config.namespace:
            raise TransportRefused("the kafka transport needs LINEAGEHUB_KAFKA_BROKERS and LINEAGEHUB_NAMESPACE")
        try:
            self._kid, self._key = _wire.signing_key(config.api_key)
        except ValueError as error:
            raise TransportRefused(str(error)) from error
        self._config = config
        self._producer: Any = None
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="lineagehub-sdk-kafka", daemon=True).start()

    def record(
        self, topic: str, kind: str, value: bytes, event_id: str, timestamp_ms: int, key: bytes | None = None
    ) -> Record:
        """Return one signed record."""
        headers = _wire.signed_headers(
            key=self._key,
            namespace=self._config.namespace,
            kid=self._kid,
            event_id=event_id,
            timestamp_ms=timestamp_ms,
            kind=kind,
            topic=topic,
            value=value,
        )
        return topic, value, key, headers

    def send(self, records: list[Record]) -> None:
        """Write the records. Raises TransportUnavailable; repeating them is safe, their ids make them the same events."""
        import asyncio

        future = asyncio.run_coroutine_threadsafe(self._send(records), self._loop)
        try:
            future.result(self._config.timeout)
        except TimeoutError as error:
            future.cancel()
            raise TransportUnavailable("Kafka did not acknowledge in time") from error

    def close(self) -> None:
        """Close the connection. Everything sent is acknowledged already. May be repeated."""
        import asyncio

        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(producer.stop(), self._loop).result(CLOSE_SECONDS)

    async def _send(self, records: list[Record]) -> None:
        import asyncio

        from aiokafka.errors import KafkaError

        try:
            if self._producer is None:
                self._producer = await self._start()
            sent = [
                await self._producer.send(topic, value, key=key, headers=headers)
                for topic, value, key, headers in records
            ]
            await asyncio.gather(*sent)
        except (KafkaError, OSError) as error:
            raise TransportUnavailable(f"Kafka does not take the records ({error!r})") from error

    async def _start(self) -> Any:
        """Idempotent where the broker can: the hub's embedded one refuses aiokafka's request for a producer id."""
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaConnectionError, KafkaError

        for idempotent in (True, False):
            producer = AIOKafkaProducer(
                bootstrap_servers=self._config.kafka_brokers, acks="all", enable_idempotence=idempotent, linger_ms=5
            )
            try:
                with _quiet(idempotent):
                    await producer.start()
                return producer
            except KafkaConnectionError:
                await producer.stop()
                raise
            except KafkaError:
                await producer.stop()
                if not idempotent:
                    raise
        return None


@contextlib.contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """Keep aiokafka from reporting as an error what is only a question: whether the broker can."""
    logger = logging.getLogger("aiokafka.producer.sender")
    level = logger.level
    if wanted:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class KafkaTransport:
    """Lineage events, straight to Kafka."""

    def __init__(self, config: LineageHubConfig) -> None:
        self._producer = SignedProducer(config)

    def send(self, events: list[PreparedEvent]) -> int:
        """See Transport."""
        self._producer.send(
            [
                self._producer.record(
                    _wire.OPENLINEAGE_EVENTS,
                    _wire.OPENLINEAGE,
                    event.body,
                    event.event_id,
                    event.timestamp_ms,
                    event.key,
                )
                for event in events
            ]
        )
        return 0

    def close(self) -> None:
        """See Transport."""
        self._producer.close()
