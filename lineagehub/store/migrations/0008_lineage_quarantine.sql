-- Facets that are not what the specification says stay in the event as they came, and are named beside it: one JSON pointer each, as
-- '/inputs/0/facets/schema'. What is derived from events leaves these out.
--
-- Every statement changes in place: a view that is dropped and made again would lose the rows that are inserted in between.

ALTER TABLE {database}.lineage_events_in {on_cluster}
    ADD COLUMN IF NOT EXISTS quarantined_facets Array(String) AFTER retention_days;

ALTER TABLE {database}.lineage_events {on_cluster}
    ADD COLUMN IF NOT EXISTS QuarantinedFacets Array(String) CODEC(ZSTD(1));

ALTER TABLE {database}.lineage_events_view {on_cluster} MODIFY QUERY
SELECT
    namespace AS Namespace,
    parseDateTime64BestEffortOrZero(JSONExtractString(event, 'eventTime'), 6, 'UTC') AS EventTime,
    event_id AS EventId,
    multiIf(JSONHas(event, 'run'), 'run', JSONHas(event, 'job'), 'job', 'dataset') AS EventKind,
    JSONExtractString(event, 'eventType') AS EventType,
    lower(JSONExtractString(event, 'run', 'runId')) AS RunId,
    JSONExtractString(event, 'job', 'namespace') AS JobNamespace,
    JSONExtractString(event, 'job', 'name') AS JobName,
    JSONExtractString(event, 'producer') AS Producer,
    topic AS Topic,
    partition AS Partition,
    offset AS Offset,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
    toUInt16(retention_days) AS RetentionDays,
    event AS Event,
    quarantined_facets AS QuarantinedFacets
FROM {database}.lineage_events_in;

CREATE OR REPLACE VIEW {database}.read_lineage_events {on_cluster} AS
SELECT * FROM {database}.lineage_events FINAL WHERE Namespace = {{ns:String}};
