"""Writes records as the web does, signed by the hub: what the agents' benchmarks feed on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import islice

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.producer import Producer
from lineagehub.contract.headers import Envelope
from lineagehub.contract.topics import Topic
from tests.bench.stack import Stack

WRITES_AT_ONCE = 200

Value = tuple[str, bytes, bytes | None]
"""Event id, value, key."""


async def write_signed(stack: Stack, topic: Topic, content_kind: str, values: Iterable[Value]) -> None:
    """Write all values; return when the broker has acknowledged them."""
    name = stack.kafka.topic_name(topic)
    signing_key = Sealer(stack.secret_key).hub_signing_key
    remaining = iter(values)
    async with Producer(stack.kafka) as producer:

        async def write_one(event_id: str, value: bytes, key: bytes | None) -> None:
            envelope = Envelope(stack.namespace, HUB_KEY_ID, event_id, time.time_ns() // 1_000_000, content_kind)
            await producer.send(name, value, key=key, headers=envelope.to_headers(signing_key, name, value))

        while together := list(islice(remaining, WRITES_AT_ONCE)):
            await asyncio.gather(*(write_one(*value) for value in together))
