"""Counts what is on a topic: the spans that the broker really has, to be held against what was acknowledged."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from lineagehub.broker.connection import client_arguments
from lineagehub.contract.topics import OTEL_SPANS
from lineagehub.settings import KafkaSettings
from tests.bench.spans import spans_in

FETCH_MS = 1000
FETCH_BYTES = 16 * 1_048_576


class SpanCounter:
    """Counts from where it stopped before. Reads on until a fetch is empty: the embedded broker's end offsets lag."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._positions = {
            TopicPartition(kafka.topic_name(OTEL_SPANS), number): 0 for number in range(OTEL_SPANS.partitions)
        }

    def count_new(self) -> int:
        """Return how many spans have come since the last call."""
        return asyncio.run(self._count_new())

    async def _count_new(self) -> int:
        consumer = AIOKafkaConsumer(
            **client_arguments(self._kafka), group_id=None, max_partition_fetch_bytes=FETCH_BYTES
        )
        await consumer.start()
        try:
            consumer.assign(list(self._positions))
            for partition, position in self._positions.items():
                consumer.seek(partition, position)
            spans = 0
            while fetched := await consumer.getmany(timeout_ms=FETCH_MS):
                for partition, records in fetched.items():
                    spans += sum(spans_in(record.value) for record in records)
                    self._positions[partition] = records[-1].offset + 1
            return spans
        finally:
            await consumer.stop()
