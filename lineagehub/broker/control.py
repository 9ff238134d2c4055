"""Writes of the control topic, namespaces, keys, limits and webhooks, and reading it once from end to end.

Whether a record that was written is in force, the log decides: management/control_plane.py waits for that. Web and agents follow the topic
(compacted_view.py).
"""

from __future__ import annotations

from lineagehub.broker.compacted_view import Apply, CompactedView, Place
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import ApiKeyRecord, ControlRecord, LimitsRecord, NamespaceRecord, WebhooksRecord
from lineagehub.contract.keys import api_key_key, limits_key, namespace_key, webhooks_key
from lineagehub.contract.topics import CONTROL
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

READ_SECONDS = 20.0


def key_of(record: ControlRecord) -> bytes:
    """Return the key of a record on the control topic."""
    if isinstance(record, NamespaceRecord):
        return namespace_key(record.name)
    if isinstance(record, ApiKeyRecord):
        return api_key_key(record.kid)
    if isinstance(record, WebhooksRecord):
        return webhooks_key(record.namespace)
    assert isinstance(record, LimitsRecord), "there are four kinds"
    return limits_key(record.namespace)


class ControlWriter:
    """Writes control records, acknowledged."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def put(self, record: ControlRecord) -> Place:
        """Write a record; return where it stands. Raises Unavailable; may be repeated."""
        return await self._producer.send(self._topic, record.model_dump_json().encode(), key=key_of(record))


async def read_control(kafka: KafkaSettings, apply: Apply, timeout_seconds: float = READ_SECONDS) -> None:
    """Call `apply` with every record that the control topic holds now, in order. Raises Unavailable."""
    topic = kafka.topic_name(CONTROL)
    view = CompactedView(kafka, topic, apply)
    await view.start()
    complete = await view.wait_complete(timeout_seconds)
    await view.stop()
    if not complete:
        raise Unavailable("kafka", f"The topic {topic} could not be read from {kafka.brokers}.")
