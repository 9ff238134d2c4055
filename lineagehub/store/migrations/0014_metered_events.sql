-- Which copy of an event was stored first, for the seven days in which a repeat is recognised and not charged. Asked by the lineage-store
-- agent after each batch: how many events have their first copy in it. The first one is known for ever, whatever is merged and however often
-- it is asked, which lineage_events cannot say: there the last copy replaces the others. Sorted as lineage_events is, so that the events of
-- a batch, which are of about one time, lie together.

CREATE TABLE IF NOT EXISTS {database}.metered_events {on_cluster}
(
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    EventTime DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    EventId String CODEC(ZSTD(1)),
    -- When it was inserted, when it was received, topic, partition, offset, bytes.
    First SimpleAggregateFunction(min, Tuple(DateTime64(9, 'UTC'), DateTime64(3, 'UTC'), String, Int32, Int64, UInt64)) CODEC(ZSTD(1)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    INDEX idx_offset tupleElement(First, 5) TYPE minmax GRANULARITY 1
)
ENGINE = {engine:AggregatingMergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, EventTime, EventId)
TTL toDateTime(ReceivedAt) + toIntervalDay(8)
SETTINGS ttl_only_drop_parts = 1, {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.metered_events_view {on_cluster} TO {database}.metered_events AS
SELECT
    namespace AS Namespace,
    parseDateTime64BestEffortOrZero(JSONExtractString(event, 'eventTime'), 6, 'UTC') AS EventTime,
    event_id AS EventId,
    (now64(9, 'UTC'), ReceivedAt, topic, partition, offset, toUInt64(length(event))) AS First,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt
FROM {database}.lineage_raw_in;

-- Those that are stored already. Repeating it, after a crash in the middle, changes nothing.
INSERT INTO {database}.metered_events (Namespace, EventTime, EventId, First, ReceivedAt)
SELECT
    Namespace,
    EventTime,
    EventId,
    (toDateTime64(0, 9, 'UTC'), ReceivedAt, toString(Topic), Partition, Offset, toUInt64(length(Event))),
    ReceivedAt
FROM {database}.lineage_events
WHERE ReceivedAt > now() - toIntervalDay(7)
SETTINGS max_partitions_per_insert_block = 0;
