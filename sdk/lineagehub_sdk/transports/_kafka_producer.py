"""The Kafka producer of the kafka transport and of the span exporter: synchronous outside, aiokafka inside.

The only module that imports aiokafka; `transports.kafka.open_producer` imports it when one is wanted. It has an event loop of its own,
which runs in the calling thread and only while something is sent: it works beside any other loop, and to the very end of a
process, when the interpreter starts no more threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from lineagehub_sdk.errors import TransportRefused, TransportUnavailable

if TYPE_CHECKING:
    from lineagehub_sdk._config import LineageHubConfig
    from lineagehub_sdk._wire import Record

T = TypeVar("T")

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

LARGEST_RECORD_BYTES = 9 * 1024 * 1024
"""What the topic of lineage events takes; topics of telemetry take less, and their broker says so."""
CLOSE_SECONDS = 2.0
GRACE_SECONDS = 1.0
"""aiokafka gives up after the configured timeout; beyond this we no longer wait for it to say so."""


class KafkaProducer:
    """Writes records. May be called by one thread after the other, and by a forked child."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused for settings of the connection that cannot be."""
        self._config = config
        self._security = _security_arguments(config)
        self._inherited: list[object] = []
        self._loop: _Loop | None = None
        self._producer: AIOKafkaProducer | None = None
        self._begin_process()

    def send(self, records: Sequence[Record]) -> list[str | None]:
        """Write records, acknowledged by all replicas; return for each None, or why the broker will never take it.

        Blocks for the configured timeout and little more. Raises TransportUnavailable; repeating all of them is safe, their ids
        make them the same events.
        """
        if self._process_id != os.getpid():
            # Kept, never used: to close a parent's loop from here would disturb it.
            self._inherited += [self._loop, self._producer]
            self._begin_process()
        with self._lock:
            if self._loop is None:
                self._loop = _Loop()
            return _in_this_thread_or_another(self._loop, self._write(records))

    def close(self) -> None:
        """Close the connections. Everything sent is acknowledged already. May be repeated; a later `send` connects again."""
        if self._process_id != os.getpid():
            return
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None:
                _in_this_thread_or_another(loop, self._discard())
                loop.close()

    def _begin_process(self) -> None:
        self._process_id = os.getpid()
        self._lock = threading.Lock()
        self._loop = self._producer = None

    async def _write(self, records: Sequence[Record]) -> list[str | None]:
        try:
            async with asyncio.timeout(self._config.timeout + GRACE_SECONDS):
                if self._producer is None:
                    self._producer = await self._connect()
                written = [await _begin(self._producer, record) for record in records]
                return [_reason(result) for result in await asyncio.gather(*written, return_exceptions=True)]
        except TimeoutError as error:
            await self._discard()
            raise TransportUnavailable(f"Kafka did not acknowledge within {self._config.timeout:g} s") from error
        except TopicAuthorizationFailedError as error:
            await self._discard()
            raise TransportUnavailable(
                f"Kafka does not let {self._user} write there ({error!r}); "
                "an operator of the hub does: lineagehub kafka acls NAMESPACE --apply"
            ) from error
        except KafkaConnectionError as error:
            await self._discard()
            # aiokafka tells no broker that is away from one that refuses the password.
            raise TransportUnavailable(f"Kafka does not answer, or refuses {self._user} ({error!r})") from error
        except (KafkaError, OSError) as error:
            await self._discard()
            raise TransportUnavailable(f"Kafka does not take the records ({error!r})") from error

    async def _connect(self) -> AIOKafkaProducer:
        """Idempotent where the broker can: the hub's embedded one refuses aiokafka's request for a producer id."""
        try:
            return await self._connect_as(idempotent=True)
        except KafkaConnectionError:
            raise
        except KafkaError:
            return await self._connect_as(idempotent=False)

    async def _connect_as(self, *, idempotent: bool) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._config.kafka_brokers,
            **self._security,
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=5,
            max_request_size=LARGEST_RECORD_BYTES,
            request_timeout_ms=int(self._config.timeout * 1_000),
        )
        try:
            with _quiet(idempotent):
                await producer.start()
        except BaseException:
            await _stop(producer)
            raise
        return producer

    @property
    def _user(self) -> str:
        return f"the user {self._config.kafka_sasl_username!r}" if "sasl_mechanism" in self._security else "us"

    async def _discard(self) -> None:
        """Close the producer. One that failed may be beyond repair (a lost sequence, a dead sender task): the next send makes another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


def _security_arguments(config: LineageHubConfig) -> dict[str, Any]:
    """Return what aiokafka is told of TLS and SASL. A value that cannot be is refused: to go on without would send in clear."""
    protocol = config.kafka_security_protocol.upper()
    if protocol not in SECURITY_PROTOCOLS:
        raise TransportRefused(
            f"LINEAGEHUB_KAFKA_SECURITY_PROTOCOL is {protocol!r}; it is one of {', '.join(SECURITY_PROTOCOLS)}"
        )
    arguments: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        try:
            arguments["ssl_context"] = ssl.create_default_context(cafile=config.kafka_ssl_cafile or None)
        except OSError as error:
            raise TransportRefused(f"LINEAGEHUB_KAFKA_SSL_CAFILE cannot be read: {error}") from error
    if protocol.startswith("SASL"):
        if config.kafka_sasl_mechanism not in SASL_MECHANISMS:
            raise TransportRefused(
                f"LINEAGEHUB_KAFKA_SASL_MECHANISM is {config.kafka_sasl_mechanism!r}; "
                f"it is one of {', '.join(SASL_MECHANISMS)}"
            )
        if not (config.kafka_sasl_username and config.kafka_sasl_password):
            raise TransportRefused(
                f"{protocol} needs LINEAGEHUB_KAFKA_SASL_USERNAME and LINEAGEHUB_KAFKA_SASL_PASSWORD"
            )
        arguments["sasl_mechanism"] = config.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = config.kafka_sasl_username
        arguments["sasl_plain_password"] = config.kafka_sasl_password
    return arguments


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up in its own thread: asyncio's look-up needs a pool of threads, which a process at its end no longer has."""

    async def getaddrinfo(self, host: Any, port: Any, **hints: int) -> Any:
        return socket.getaddrinfo(host, port, **hints)


def _in_this_thread_or_another(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; in a thread of its own if this one is running another loop (a span processor's force_flush)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return loop.run_until_complete(coroutine)
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(loop.run_until_complete(coroutine))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="lineagehub-sdk-kafka")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


async def _stop(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)


async def _begin(producer: AIOKafkaProducer, record: Record) -> asyncio.Future[Any]:
    """Hand a record to the producer; return the future of its acknowledgement."""
    topic, key, value, headers = record
    try:
        written: asyncio.Future[Any] = await producer.send(topic, value, key=key, headers=headers)
    except MessageSizeTooLargeError as error:
        written = asyncio.get_running_loop().create_future()
        written.set_exception(error)
    written.add_done_callback(_retrieve)
    return written


def _reason(result: object) -> str | None:
    if isinstance(result, MessageSizeTooLargeError):
        return "too_large: the record is larger than the topic takes"
    if isinstance(result, BaseException):
        raise result
    return None


def _retrieve(written: asyncio.Future[Any]) -> None:
    # A failure that comes after our timeout has nobody to hear it; unretrieved, asyncio would log it as a bug.
    if not written.cancelled():
        written.exception()


@contextlib.contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """Keep aiokafka from reporting as an error what is only a question: whether the broker can.

    Of this thread alone: the producers of lineage, spans and metrics may ask at the same time, and others' are others' to hear.
    """
    thread = threading.get_ident()

    def is_heard(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("aiokafka.producer.sender")
    if wanted:
        logger.addFilter(is_heard)
    try:
        yield
    finally:
        logger.removeFilter(is_heard)
