-- Log records: the Collector's clickhouseexporter table of 0.151 and later, column for column, and ours at the end.

CREATE TABLE IF NOT EXISTS {database}.otlp_logs_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    request Tuple(resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value String))),
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value String))),
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body String,
                attributes Array(Tuple(key String, value String)),
                flags UInt32,
                trace_id String,
                span_id String,
                event_name String
            )),
            schema_url String
        )),
        schema_url String
    )))
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.otel_logs {on_cluster}
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    `__otel_materialized_k8s.cluster.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.container.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.container.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.deployment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.deployment.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.namespace.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.namespace.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.node.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.node.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.pod.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.name'] CODEC(ZSTD(1)),
    `__otel_materialized_k8s.pod.uid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.uid'] CODEC(ZSTD(1)),
    `__otel_materialized_deployment.environment.name` LowCardinality(String)
        MATERIALIZED ResourceAttributes['deployment.environment.name'] CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_logs_view {on_cluster} TO {database}.otel_logs AS
SELECT
    lineagehub_otlp_time(if(entry.time_unix_nano = 0, entry.observed_time_unix_nano, entry.time_unix_nano)) AS Timestamp,
    lineagehub_otlp_id(entry.trace_id) AS TraceId,
    lineagehub_otlp_id(entry.span_id) AS SpanId,
    toUInt8(bitAnd(entry.flags, 0xFF)) AS TraceFlags,
    entry.severity_text AS SeverityText,
    toUInt8(bitAnd(entry.severity_number, 0xFF)) AS SeverityNumber,
    ServiceName,
    lineagehub_otlp_text(entry.body) AS Body,
    ResourceSchemaUrl,
    ResourceAttributes,
    ScopeSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    lineagehub_otlp_attributes(entry.attributes) AS LogAttributes,
    entry.event_name AS EventName,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(LogAttributes, ResourceAttributes) AS RunId
FROM
(
    SELECT
        Namespace, ReceivedAt, RetentionDays, ResourceAttributes, ServiceName, ResourceSchemaUrl,
        scope.schema_url AS ScopeSchemaUrl,
        scope.scope.name AS ScopeName,
        scope.scope.version AS ScopeVersion,
        lineagehub_otlp_attributes(scope.scope.attributes) AS ScopeAttributes,
        scope.log_records AS entries
    FROM
    (
        SELECT
            namespace AS Namespace,
            fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
            toUInt16(retention_days) AS RetentionDays,
            lineagehub_otlp_attributes(resource.resource.attributes) AS ResourceAttributes,
            ResourceAttributes['service.name'] AS ServiceName,
            resource.schema_url AS ResourceSchemaUrl,
            resource.scope_logs AS scopes
        FROM {database}.otlp_logs_in
        ARRAY JOIN request.resource_logs AS resource
    )
    ARRAY JOIN scopes AS scope
)
ARRAY JOIN entries AS entry;

CREATE VIEW IF NOT EXISTS {database}.read_logs {on_cluster} AS
SELECT * FROM {database}.otel_logs WHERE Namespace = {{ns:String}};
