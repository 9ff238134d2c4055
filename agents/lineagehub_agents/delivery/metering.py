"""Metering: what each batch held of each namespace, written before its offsets are committed; and what is over quota, diverted.

`deltas_of` counts, purely; a `Metering` is what the Deliverer writes with (usage.py has the one on Kafka). A flow whose records are
counted elsewhere (marquez), or are nobody's (audit), has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import DAY_MS, Counts, FirstCopies, NewEvents, UsageDelta, day_of
from lineagehub_agents.delivery.checked_batch import CheckedBatch, LeftOut
from lineagehub_agents.delivery.records import CheckedRecord

Diverts = Callable[[CheckedRecord], bool]

_STORED, _DUPLICATE, _DEAD, _OVER, _REDRIVEN, _STORED_BYTES, _DEAD_BYTES = range(_WIDTH := 7)


class Metering(Protocol):
    """Where a Deliverer's counts go, and who is over quota."""

    signal: Signal
    diverted_events: int
    """Events of the records diverted by this process; a record that is diverted again after a fault counts again."""

    def gate(self, *, replayed: bool = False) -> AbstractContextManager[Diverts]:
        """Give what tells of each record of one batch, in order, whether it is over its namespace's quota.

        Until the end of the block, when the batch is counted, others know what it lets in. `replayed`: all that it is asked of was let in
        before, and is only told to the others.
        """
        ...

    async def divert(self, left: LeftOut) -> None:
        """Write a record that is over quota to its topic, acknowledged. Raises Retryable. May be repeated."""
        ...

    async def write(self, deltas: Sequence[UsageDelta]) -> None:
        """Write what a batch held, acknowledged. Raises Retryable. May be repeated: the offsets tell."""
        ...


def deltas_of(
    batch: CheckedBatch,
    signal: Signal,
    refused: Collection[int] = (),
    new: FirstCopies | None = None,
) -> list[UsageDelta]:
    """Return what a batch held, by namespace and day. `refused`: offsets of its records that ended as dead letters after all.

    `new`: which of those taken were not there before, where the sink can tell; the others are duplicates.
    """
    tallies: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * _WIDTH)
    for checked in batch.records:
        record = checked.record
        tally = tallies[checked.envelope.namespace, record.timestamp_ms // DAY_MS]
        is_refused = bool(refused) and record.offset in refused
        if checked.envelope.is_redriven:
            tally[_REDRIVEN] += 0 if is_refused else checked.rows
        else:
            tally[_DEAD if is_refused else _STORED] += checked.rows
            tally[_DEAD_BYTES if is_refused else _STORED_BYTES] += record.size
    if new is not None:
        for key, tally in tallies.items():
            first_copies = new.get(key, NewEvents())
            tally[_DUPLICATE] = tally[_STORED] - first_copies.events
            tally[_STORED], tally[_STORED_BYTES], tally[_REDRIVEN] = first_copies
    for left in batch.left_out:
        tally = tallies[left.namespace, left.record.timestamp_ms // DAY_MS]
        if left.record.offset in batch.range.diverted:
            tally[_OVER] += left.events
        else:
            tally[_DEAD] += left.events
            tally[_DEAD_BYTES] += left.record.size
    return [
        UsageDelta(
            namespace,
            day_of(day * DAY_MS),
            signal,
            batch.partition.topic,
            batch.partition.number,
            batch.range.first,
            batch.range.last,
            batch.first_timestamp_ms,
            Counts(
                stored=tally[_STORED],
                duplicate=tally[_DUPLICATE],
                dead_lettered=tally[_DEAD],
                over_quota=tally[_OVER],
                bytes=tally[_STORED_BYTES] + tally[_DEAD_BYTES],
                redriven=tally[_REDRIVEN],
            ),
        )
        for (namespace, day), tally in tallies.items()
    ]
