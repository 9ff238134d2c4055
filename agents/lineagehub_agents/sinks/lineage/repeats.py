"""Repeats: events whose id is stored already, or on its way. Used by the lineage sink, for metering: a repeat is not charged.

ClickHouse knows what is stored. What other partitions of this process are about to store it does not know yet, so the last ids asked for
are remembered with their place. Equal events have equal keys and so one partition: only a client that names events of several jobs alike,
within a second, on partitions of two workers, has them counted twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from lineagehub.contract.usage import DAY_MS
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.metered_events import find_stored
from lineagehub_agents.delivery.records import CheckedRecord, Partition

RECOGNISED_MS = 7 * DAY_MS
REMEMBERED = 40_000
"""Four partitions' batches: about 10 MB."""

Event = tuple[str, str]
"""Namespace and event id."""
Place = tuple[Partition, int]


class Repeats:
    """Tells repeats from new events."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._recent: OrderedDict[Event, Place] = OrderedDict()

    async def among(self, records: Sequence[CheckedRecord]) -> frozenset[int]:
        """See RecognisesRepeats."""
        repeats: set[int] = set()
        first: dict[Event, int] = {}
        for checked in records:
            event, offset = (checked.envelope.namespace, checked.envelope.event_id), checked.record.offset
            if first.setdefault(event, offset) != offset:
                repeats.add(offset)
        partition = records[0].record.partition
        for event, offset in first.items():
            if self._recent.setdefault(event, (partition, offset)) != (partition, offset):
                repeats.add(offset)
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        since_ms = records[0].record.timestamp_ms - RECOGNISED_MS
        stored = await find_stored(self._clickhouse, list(first), since_ms)
        return frozenset(repeats | {first[event] for event in stored})
