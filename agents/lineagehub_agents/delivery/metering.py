"""Metering: what each batch held of each namespace, written before its offsets are committed; and what is over quota, diverted.

`deltas_of` counts, purely; a `Metering` is what the Deliverer writes with (usage.py has the one on Kafka). A flow whose records are
counted elsewhere (marquez), or are nobody's (audit), has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import DAY_MS, Counts, UsageDelta, day_of
from lineagehub_agents.delivery.checked_batch import CheckedBatch, LeftOut
from lineagehub_agents.delivery.records import CheckedRecord, NewEvents

Diverts = Callable[[CheckedRecord], bool]

_STORED, _DUPLICATE, _DEAD, _OVER, _BYTES = range(5)


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
    batch: CheckedBatch, signal: Signal, refused: Collection[int] = (), new: NewEvents | None = None
) -> list[UsageDelta]:
    """Return what a batch held, by namespace and day. `refused`: offsets of its records that ended as dead letters after all.

    `new`: which of those taken were not there before, where the sink can tell; the others are duplicates.
    """
    tallies: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    diverted = batch.range.diverted
    for checked in batch.records:
        record = checked.record
        tally = tallies[checked.envelope.namespace, record.timestamp_ms // DAY_MS]
        if refused and record.offset in refused:
            tally[_DEAD] += checked.rows
        else:
            tally[_STORED] += checked.rows
        tally[_BYTES] += record.size
    if new is not None:
        _tell_duplicates(tallies, new, batch, refused)
    for left in batch.left_out:
        tally = tallies[left.namespace, left.record.timestamp_ms // DAY_MS]
        if left.record.offset in diverted:
            tally[_OVER] += left.events
        else:
            tally[_DEAD] += left.events
            tally[_BYTES] += left.record.size
    partition, offsets = batch.partition, batch.range
    return [
        UsageDelta(
            namespace,
            day_of(day * DAY_MS),
            signal,
            partition.topic,
            partition.number,
            offsets.first,
            offsets.last,
            batch.first_timestamp_ms,
            Counts(*tally),
        )
        for (namespace, day), tally in tallies.items()
    ]


def _tell_duplicates(
    tallies: Mapping[tuple[str, int], list[int]], new: NewEvents, batch: CheckedBatch, refused: Collection[int]
) -> None:
    for key, tally in tallies.items():
        events, size = new.get(key, (0, 0))
        tally[_DUPLICATE] = tally[_STORED] - events
        tally[_STORED] = events
        tally[_BYTES] = size
    for checked in batch.records if refused else ():
        if checked.record.offset in refused:
            key = checked.envelope.namespace, checked.record.timestamp_ms // DAY_MS
            tallies[key][_BYTES] += checked.record.size
