"""Losses: records that the consumer handed on and that never arrived. Used by the Deliverer, once a second.

A record lost in the middle of a partition shows as a gap when the next one arrives (batching.py); behind the last one nothing
follows, so only the clock can tell. Being wrong costs a second reading, whose records are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping

from lineagehub_agents.delivery.records import Partition

OVERDUE_SECONDS = 5.0
"""Ten times what a record waits for its batch by default."""


class LossWatch:
    """Remembers since when each partition has had records on their way without any progress."""

    def __init__(self) -> None:
        self._waiting: dict[Partition, tuple[int, float]] = {}

    def overdue(
        self, handed_on: Mapping[Partition, int], arrived: Mapping[Partition, int], now: float
    ) -> dict[Partition, int]:
        """Return from which offset to read each partition again.

        `handed_on`: the offset after the last record handed on; `arrived`: the one that must arrive next; `now`: monotonic seconds.
        """
        waiting = {
            partition: (arrived[partition], now)
            for partition, offset in handed_on.items()
            if arrived.get(partition, offset) < offset
        }
        for partition, (offset, _) in waiting.items():
            before = self._waiting.get(partition)
            if before is not None and before[0] == offset:
                waiting[partition] = before
        lost = {partition: offset for partition, (offset, since) in waiting.items() if now - since >= OVERDUE_SECONDS}
        self._waiting = {partition: entry for partition, entry in waiting.items() if partition not in lost}
        return lost
