"""What a consumer's fetches tell: whether the broker has answered, which `getmany` does not say. For backlog.py, compacted_view.py."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition


def answered_since(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition], moment_ms: int) -> bool:
    """Return whether a fetch that began after the moment (milliseconds since the epoch) was answered for each of the partitions.

    `getmany` returns empty-handed whether the broker answered or is slow: a busy machine's answer took longer than 0.3 s. An answer that
    is not about the consumer's position is discarded by aiokafka, so one to a fetch after a seek or a record is about what follows it.
    """
    return all((consumer.last_poll_timestamp(partition) or 0) > moment_ms for partition in partitions)
