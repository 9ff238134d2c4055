-- Which events are stored, for the seven days in which a repeat is recognised and not charged: the lineage-store agent asks before each
-- batch. lineage_events cannot tell: it is sorted by event time, which an event's id does not say. Small granules, because the ids of a
-- batch lie all over the table: with 8,192 rows each, a thousand ids read the whole of it.

CREATE TABLE IF NOT EXISTS {database}.metered_events {on_cluster}
(
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    EventId String CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, EventId)
TTL toDateTime(ReceivedAt) + toIntervalDay(8)
SETTINGS index_granularity = 256, ttl_only_drop_parts = 1, {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.metered_events_view {on_cluster} TO {database}.metered_events AS
SELECT
    namespace AS Namespace,
    event_id AS EventId,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt
FROM {database}.lineage_raw_in;

-- Those that are stored already. Repeating it, after a crash in the middle, changes nothing.
INSERT INTO {database}.metered_events (Namespace, EventId, ReceivedAt)
SELECT Namespace, EventId, ReceivedAt
FROM {database}.lineage_events
WHERE ReceivedAt > now() - toIntervalDay(7)
SETTINGS max_partitions_per_insert_block = 0;
