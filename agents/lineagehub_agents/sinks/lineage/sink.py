"""LineageSink: a batch's events, stored under its token, and the tables derived from them, filled beside other batches'.

The derived tables come first: a batch that they refuse is then stored nowhere, and its halves can be tried. They depend on neither order
nor repetition (migrations/0009), so their insert has no token and may hold the events of any batches; each such insert costs ClickHouse
0.2 CPU s, of one event as of a hundred, which four partitions with a trickle of events would else pay four times.
"""

from __future__ import annotations

import functools

from lineagehub.contract.usage import FirstCopies
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LINEAGE_MODEL_IN, LINEAGE_RAW_IN, insert_settings
from lineagehub.store.metered_events import StoredRange, count_new_events
from lineagehub_agents.delivery.records import SinkBatch
from lineagehub_agents.sinks.clickhouse import encode_batch
from lineagehub_agents.sinks.lineage.joined_counts import JoinedCounts
from lineagehub_agents.sinks.lineage.joined_inserts import JoinedInserts


class LineageSink:
    """Writes batches of OpenLineage events."""

    maximum_records = 10_000
    is_eager = False

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._derived = JoinedInserts(self._insert_derived)
        self._new = JoinedCounts(functools.partial(count_new_events, clickhouse))

    async def start(self) -> None:
        """See Sink."""
        await self._clickhouse.start()

    async def send(self, batch: SinkBatch) -> None:
        """See Sink."""
        rows = encode_batch(batch)
        await self._derived.insert(rows)
        settings = insert_settings(LINEAGE_RAW_IN, batch.token)
        await self._clickhouse.insert(LINEAGE_RAW_IN.name, "Protobuf", rows, settings)

    async def count_new(self, batch: SinkBatch) -> FirstCopies:
        """See RecognisesRepeats. ClickHouse knows them by what they are stored by: namespace, event time and event id."""
        first, last = batch.records[0].record, batch.records[-1].record
        times = [checked.record.timestamp_ms for checked in batch.records]
        redriven = tuple(checked.record.offset for checked in batch.records if checked.envelope.is_redriven)
        stored = StoredRange(*first.partition, first.offset, last.offset, min(times), max(times), redriven)
        return await self._new.count(stored)

    async def close(self) -> None:
        """See Sink."""
        await self._clickhouse.close()

    async def _insert_derived(self, rows: bytes) -> None:
        settings = insert_settings(LINEAGE_MODEL_IN, token=None)
        await self._clickhouse.insert(LINEAGE_MODEL_IN.name, "Protobuf", rows, settings)
