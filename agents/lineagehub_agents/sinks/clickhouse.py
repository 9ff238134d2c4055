"""ClickHouse: one insert a batch into a landing table, whose views flatten it into all tables (DESIGN section 7).

The records' values go as they are, wrapped in an envelope by byte concatenation; the token makes a repeated insert a no-op in every
table behind the views.
"""

from __future__ import annotations

from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LandingTable, encode_record, insert_settings
from lineagehub_agents.delivery.records import CheckedRecord, SinkBatch


class ClickHouseSink:
    """Writes batches into one landing table."""

    maximum_records = 10_000
    is_eager = False

    def __init__(self, clickhouse: ClickHouse, table: LandingTable) -> None:
        self._clickhouse = clickhouse
        self._table = table

    async def start(self) -> None:
        """See Sink."""
        await self._clickhouse.start()

    async def send(self, batch: SinkBatch) -> None:
        """See Sink."""
        settings = insert_settings(self._table, batch.token)
        await self._clickhouse.insert(self._table.name, "Protobuf", encode_batch(batch), settings)

    async def close(self) -> None:
        """See Sink."""
        await self._clickhouse.close()


def encode_batch(batch: SinkBatch) -> bytes:
    """Return the rows of a landing table that a batch becomes, one a record."""
    return b"".join(map(_encode, batch.records))


def _encode(checked: CheckedRecord) -> bytes:
    record = checked.record
    return encode_record(
        namespace=checked.envelope.namespace,
        event_id=checked.envelope.event_id,
        topic=record.partition.topic,
        partition=record.partition.number,
        offset=record.offset,
        received_at_ms=record.timestamp_ms,
        retention_days=checked.retention_days,
        value=checked.value,
        quarantined_facets=checked.quarantined_facets,
    )
