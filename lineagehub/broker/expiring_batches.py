"""Record batches that are given up with those who wait for them: what was refused is not written when the broker is back.

aiokafka's idempotent producer retries a batch for ever (0.14: `_can_retry` in sender.py), and never looks at the age of one
that waits behind it. Whoever waited was told "not acknowledged" long ago and sends again, so that after an outage of the
broker each request would be written once for each of its attempts (three times within 20 s, seen with the Collector). Here a
batch that is older than the producer's request timeout fails instead, as Java's delivery.timeout.ms has it. A batch that
had a sequence number leaves a gap, so the producer takes a new id, under which the numbers begin again.

A request that was on its way when the broker died may still have been written: nobody can know. Called once by the
producer (producer.py); never touches what is in flight.
"""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.producer import producer, sender
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.sender import SendProduceReqHandler
from aiokafka.producer.transaction_manager import (
    NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID,
    PidAndEpoch,
    TransactionManager,
)
from aiokafka.util import create_future


def expire_batches() -> None:
    """Make all aiokafka producers of this process give up expired batches. May be repeated."""
    producer.MessageAccumulator = ExpiringAccumulator
    sender.SendProduceReqHandler = ExpiringHandler


class ExpiringAccumulator(MessageAccumulator):  # type: ignore[misc] # aiokafka ships no type information.
    """Stands in for aiokafka's MessageAccumulator: the batches that wait to be sent."""

    def drain_by_nodes(self, ignore_nodes: Any, muted_partitions: Any = frozenset()) -> tuple[dict[Any, Any], bool]:
        """Return batches to send by node, and whether to look for leaders first; called by aiokafka in a loop."""
        if self._give_up_expired() and self._txn_manager is not None:
            _begin_anew(self._txn_manager)
            # The loop comes back with a new id, once it has updated its metadata.
            return {}, True
        drained: tuple[dict[Any, Any], bool] = super().drain_by_nodes(ignore_nodes, muted_partitions)
        return drained

    def _give_up_expired(self) -> bool:
        """Fail what is too old; return whether any of it had a sequence number."""
        numbered = False
        for partition, batches in list(self._batches.items()):
            while batches and batches[0].expired():
                batch = batches.popleft()
                if batch.retry_count:
                    numbered = True
                    # Where aiokafka looks for a batch that was sent before when it is done.
                    self._pending_batches.add(batch)
                # Wakes those who wait for room behind it.
                batch.drain_ready()
                batch.failure(KafkaTimeoutError())
            if not batches:
                del self._batches[partition]
        return numbered


class ExpiringHandler(SendProduceReqHandler):  # type: ignore[misc] # aiokafka ships no type information.
    """Stands in for aiokafka's SendProduceReqHandler: one request with batches, and its answer."""

    def _can_retry(self, error: KafkaError, batch: MessageBatch) -> bool:
        if not batch.expired():
            return bool(super()._can_retry(error, batch))
        if self._sender._txn_manager is not None:
            _begin_anew(self._sender._txn_manager)
        return False


def _begin_anew(transactions: TransactionManager) -> None:
    """Let the producer take a new id. Batches that have numbers of the old one keep both."""
    transactions._pid_and_epoch = PidAndEpoch(NO_PRODUCER_ID, NO_PRODUCER_EPOCH)
    transactions._pid_waiter = create_future()
    transactions._sequence_numbers.clear()
