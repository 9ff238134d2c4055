"""Writes of the control topic, namespaces and keys, and reading it once from end to end. Called by commands (and by the management API
when it comes); web and agents follow the topic instead (compacted_view.py).

With the embedded broker, which forgets everything when it dies, each record is first appended to a journal and fsynced;
`lineagehub up` replays the journal at start (embedded/control_journal.py). With a real broker the topic itself is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lineagehub.broker.compacted_view import Apply, CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord
from lineagehub.contract.keys import api_key_key, namespace_key
from lineagehub.contract.topics import CONTROL
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

READ_SECONDS = 20.0

JournalAppend = Callable[[bytes, bytes | None], None]


class ControlWriter:
    """Writes control records, acknowledged. `journal` is called first, in a thread, when there is one."""

    def __init__(self, producer: Producer, topic: str, journal: JournalAppend | None = None) -> None:
        self._producer = producer
        self._topic = topic
        self._journal = journal

    async def put_namespace(self, record: NamespaceRecord) -> None:
        """Write a namespace record. Raises Unavailable; may be repeated."""
        await self._put(namespace_key(record.name), record.model_dump_json().encode())

    async def put_key(self, record: ApiKeyRecord) -> None:
        """Write a key record. Raises Unavailable; may be repeated."""
        await self._put(api_key_key(record.kid), record.model_dump_json().encode())

    async def _put(self, key: bytes, value: bytes) -> None:
        if self._journal is not None:
            await asyncio.to_thread(self._journal, key, value)
        await self._producer.send(self._topic, value, key=key)


async def read_control(kafka: KafkaSettings, apply: Apply, timeout_seconds: float = READ_SECONDS) -> None:
    """Call `apply` with every record that the control topic holds now, in order. Raises Unavailable."""
    topic = kafka.topic_name(CONTROL)
    view = CompactedView(kafka, topic, apply)
    await view.start()
    complete = await view.wait_complete(timeout_seconds)
    await view.stop()
    if not complete:
        raise Unavailable("kafka", f"The topic {topic} could not be read from {kafka.brokers}.")
