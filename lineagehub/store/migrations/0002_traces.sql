-- Spans: the Collector's clickhouseexporter tables, column for column, and ours at the end. One landing table takes Kafka values as they
-- are; one view flattens them. Partitions are by the day of receipt, not of the span: a batch with spans of 101 different days would
-- otherwise fail as a whole (code 252), and any tenant could send one.

CREATE TABLE IF NOT EXISTS {database}.otlp_traces_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    request Tuple(resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value {any_value}))),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String),
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value {any_value})),
                events Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value {any_value})))),
                links Array(Tuple(
                    trace_id String, span_id String, trace_state String, attributes Array(Tuple(key String, value {any_value})))),
                status Tuple(message String, code Int32)
            ))
        ))
    )))
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.otel_traces {on_cluster}
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_timestamp Timestamp TYPE minmax GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, ServiceName, SpanName, toDateTime(Timestamp))
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE TABLE IF NOT EXISTS {database}.otel_traces_trace_id_ts {on_cluster}
(
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (TraceId, Start)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_traces_view {on_cluster} TO {database}.otel_traces AS
SELECT
    fromUnixTimestamp64Nano(toInt64(least(span.start_time_unix_nano, 9223372036854775807))) AS Timestamp,
    lower(hex(span.trace_id)) AS TraceId,
    lower(hex(span.span_id)) AS SpanId,
    lower(hex(span.parent_span_id)) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][if(span.kind BETWEEN 0 AND 5, span.kind, 0) + 1] AS SpanKind,
    ResourceAttributes['service.name'] AS ServiceName,
    lineagehub_attributes(resource.resource.attributes) AS ResourceAttributes,
    scope.scope.name AS ScopeName,
    scope.scope.version AS ScopeVersion,
    lineagehub_attributes(span.attributes) AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    ['Unset', 'Ok', 'Error'][if(span.status.code BETWEEN 0 AND 2, span.status.code, 0) + 1] AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(event -> fromUnixTimestamp64Nano(toInt64(least(event.time_unix_nano, 9223372036854775807))), span.events) AS `Events.Timestamp`,
    arrayMap(event -> event.name, span.events) AS `Events.Name`,
    arrayMap(event -> lineagehub_attributes(event.attributes), span.events) AS `Events.Attributes`,
    arrayMap(link -> lower(hex(link.trace_id)), span.links) AS `Links.TraceId`,
    arrayMap(link -> lower(hex(link.span_id)), span.links) AS `Links.SpanId`,
    arrayMap(link -> link.trace_state, span.links) AS `Links.TraceState`,
    arrayMap(link -> lineagehub_attributes(link.attributes), span.links) AS `Links.Attributes`,
    namespace AS Namespace,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
    toUInt16(retention_days) AS RetentionDays
FROM {database}.otlp_traces_in
ARRAY JOIN request.resource_spans AS resource
ARRAY JOIN resource.scope_spans AS scope
ARRAY JOIN scope.spans AS span;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_traces_trace_id_ts_mv {on_cluster} TO {database}.otel_traces_trace_id_ts AS
SELECT
    TraceId,
    min(Timestamp) AS Start,
    max(Timestamp) AS End,
    Namespace,
    max(ReceivedAt) AS ReceivedAt,
    max(RetentionDays) AS RetentionDays
FROM {database}.otel_traces
WHERE TraceId != ''
GROUP BY Namespace, TraceId;

CREATE VIEW IF NOT EXISTS {database}.read_traces {on_cluster} AS
SELECT * FROM {database}.otel_traces WHERE Namespace = {{ns:String}};
