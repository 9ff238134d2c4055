-- Metrics: the Collector's clickhouseexporter tables, column for column, and ours at the end. Times keep their nanoseconds, where the
-- exporter cuts them to seconds and lets two points of a second collide. A data point that is an integer is in IntValue too: above 2^53 a
-- Float64 is another number.

CREATE TABLE IF NOT EXISTS {database}.otlp_metrics_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    request Tuple(resource_metrics Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value String))),
        scope_metrics Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                gauge Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
                    as_double Nullable(Float64), as_int Nullable(Int64), flags UInt32,
                    exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String))))))),
                sum Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
                    as_double Nullable(Float64), as_int Nullable(Int64), flags UInt32,
                    exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String)))))), aggregation_temporality Int32, is_monotonic Bool),
                histogram Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
                    count UInt64, sum Float64, bucket_counts Array(UInt64), explicit_bounds Array(Float64),
                    exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String)))),
                    flags UInt32, min Float64, max Float64)), aggregation_temporality Int32),
                exponential_histogram Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
                    count UInt64, sum Float64, scale Int32, zero_count UInt64,
                    positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                    flags UInt32,
                    exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String)))),
                    min Float64, max Float64)), aggregation_temporality Int32),
                summary Tuple(data_points Array(Tuple(
                    attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
                    count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32)))
            )),
            schema_url String
        )),
        schema_url String
    )))
)
ENGINE = Null;

-- One row a metric; from here each kind goes to its own table.
CREATE TABLE IF NOT EXISTS {database}.otlp_metrics_each {on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceSchemaUrl String,
    ScopeName String,
    ScopeVersion String,
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String,
    ServiceName LowCardinality(String),
    MetricName LowCardinality(String),
    MetricDescription String,
    MetricUnit String,
    Namespace LowCardinality(String),
    ReceivedAt DateTime64(3, 'UTC'),
    RetentionDays UInt16,
    gauge Tuple(data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
        as_double Nullable(Float64), as_int Nullable(Int64), flags UInt32,
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String))))))),
    sum Tuple(data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
        as_double Nullable(Float64), as_int Nullable(Int64), flags UInt32,
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String)))))), aggregation_temporality Int32, is_monotonic Bool),
    histogram Tuple(data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
        count UInt64, sum Float64, bucket_counts Array(UInt64), explicit_bounds Array(Float64),
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String)))),
        flags UInt32, min Float64, max Float64)), aggregation_temporality Int32),
    exponential_histogram Tuple(data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
        count UInt64, sum Float64, scale Int32, zero_count UInt64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)),
        flags UInt32,
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes Array(Tuple(key String, value String)))),
        min Float64, max Float64)), aggregation_temporality Int32),
    summary Tuple(data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)), start_time_unix_nano UInt64, time_unix_nano UInt64,
        count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32)))
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.otel_metrics_gauge {on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    IntValue Nullable(Int64) CODEC(ZSTD(1)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE TABLE IF NOT EXISTS {database}.otel_metrics_sum {on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Bool CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    IntValue Nullable(Int64) CODEC(ZSTD(1)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE TABLE IF NOT EXISTS {database}.otel_metrics_histogram {on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE TABLE IF NOT EXISTS {database}.otel_metrics_exponential_histogram {on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE TABLE IF NOT EXISTS {database}.otel_metrics_summary {on_cluster}
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested (Quantile Float64, Value Float64) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:MergeTree}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Namespace, ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- An exemplar's ids are the exporter's: zeros where it has none.
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_exemplar_id {on_cluster} AS (id, digits) -> if(id = '', repeat('0', digits), lower(hex(id)));

-- The views of the five kinds are made before the one that feeds them, so that no metric is flattened into nowhere.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_metrics_gauge_view {on_cluster} TO {database}.otel_metrics_gauge AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    lineagehub_otlp_attributes(point.attributes) AS Attributes,
    lineagehub_otlp_time(point.start_time_unix_nano) AS StartTimeUnix,
    lineagehub_otlp_time(point.time_unix_nano) AS TimeUnix,
    coalesce(point.as_double, toFloat64(point.as_int), 0) AS Value,
    point.flags AS Flags,
    arrayMap(exemplar -> lineagehub_otlp_attributes(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> lineagehub_otlp_time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.span_id, 16), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.trace_id, 32), point.exemplars) AS `Exemplars.TraceId`,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(Attributes, ResourceAttributes) AS RunId,
    point.as_int AS IntValue
FROM {database}.otlp_metrics_each
ARRAY JOIN gauge.data_points AS point;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_metrics_sum_view {on_cluster} TO {database}.otel_metrics_sum AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    lineagehub_otlp_attributes(point.attributes) AS Attributes,
    lineagehub_otlp_time(point.start_time_unix_nano) AS StartTimeUnix,
    lineagehub_otlp_time(point.time_unix_nano) AS TimeUnix,
    coalesce(point.as_double, toFloat64(point.as_int), 0) AS Value,
    point.flags AS Flags,
    arrayMap(exemplar -> lineagehub_otlp_attributes(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> lineagehub_otlp_time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.span_id, 16), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.trace_id, 32), point.exemplars) AS `Exemplars.TraceId`,
    sum.aggregation_temporality AS AggregationTemporality,
    sum.is_monotonic AS IsMonotonic,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(Attributes, ResourceAttributes) AS RunId,
    point.as_int AS IntValue
FROM {database}.otlp_metrics_each
ARRAY JOIN sum.data_points AS point;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_metrics_histogram_view {on_cluster} TO {database}.otel_metrics_histogram AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    lineagehub_otlp_attributes(point.attributes) AS Attributes,
    lineagehub_otlp_time(point.start_time_unix_nano) AS StartTimeUnix,
    lineagehub_otlp_time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
    arrayMap(exemplar -> lineagehub_otlp_attributes(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> lineagehub_otlp_time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.span_id, 16), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.trace_id, 32), point.exemplars) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    histogram.aggregation_temporality AS AggregationTemporality,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(Attributes, ResourceAttributes) AS RunId
FROM {database}.otlp_metrics_each
ARRAY JOIN histogram.data_points AS point;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_metrics_exponential_histogram_view {on_cluster} TO {database}.otel_metrics_exponential_histogram AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    lineagehub_otlp_attributes(point.attributes) AS Attributes,
    lineagehub_otlp_time(point.start_time_unix_nano) AS StartTimeUnix,
    lineagehub_otlp_time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.scale AS Scale,
    point.zero_count AS ZeroCount,
    point.positive.offset AS PositiveOffset,
    point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset,
    point.negative.bucket_counts AS NegativeBucketCounts,
    arrayMap(exemplar -> lineagehub_otlp_attributes(exemplar.filtered_attributes), point.exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(exemplar -> lineagehub_otlp_time(exemplar.time_unix_nano), point.exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0), point.exemplars) AS `Exemplars.Value`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.span_id, 16), point.exemplars) AS `Exemplars.SpanId`,
    arrayMap(exemplar -> lineagehub_otlp_exemplar_id(exemplar.trace_id, 32), point.exemplars) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    exponential_histogram.aggregation_temporality AS AggregationTemporality,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(Attributes, ResourceAttributes) AS RunId
FROM {database}.otlp_metrics_each
ARRAY JOIN exponential_histogram.data_points AS point;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_metrics_summary_view {on_cluster} TO {database}.otel_metrics_summary AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    lineagehub_otlp_attributes(point.attributes) AS Attributes,
    lineagehub_otlp_time(point.start_time_unix_nano) AS StartTimeUnix,
    lineagehub_otlp_time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`,
    point.flags AS Flags,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(Attributes, ResourceAttributes) AS RunId
FROM {database}.otlp_metrics_each
ARRAY JOIN summary.data_points AS point;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otlp_metrics_view {on_cluster} TO {database}.otlp_metrics_each AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    Namespace,
    ReceivedAt,
    RetentionDays,
    metric.gauge AS gauge,
    metric.sum AS sum,
    metric.histogram AS histogram,
    metric.exponential_histogram AS exponential_histogram,
    metric.summary AS summary
FROM
(
    SELECT
        Namespace, ReceivedAt, RetentionDays, ResourceAttributes, ServiceName, ResourceSchemaUrl,
        scope.schema_url AS ScopeSchemaUrl,
        scope.scope.name AS ScopeName,
        scope.scope.version AS ScopeVersion,
        lineagehub_otlp_attributes(scope.scope.attributes) AS ScopeAttributes,
        scope.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
        scope.metrics AS metrics
    FROM
    (
        SELECT
            namespace AS Namespace,
            fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
            toUInt16(retention_days) AS RetentionDays,
            lineagehub_otlp_attributes(resource.resource.attributes) AS ResourceAttributes,
            ResourceAttributes['service.name'] AS ServiceName,
            resource.schema_url AS ResourceSchemaUrl,
            resource.scope_metrics AS scopes
        FROM {database}.otlp_metrics_in
        ARRAY JOIN request.resource_metrics AS resource
    )
    ARRAY JOIN scopes AS scope
)
ARRAY JOIN metrics AS metric;

CREATE VIEW IF NOT EXISTS {database}.read_metrics_gauge {on_cluster} AS
SELECT * FROM {database}.otel_metrics_gauge WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_metrics_sum {on_cluster} AS
SELECT * FROM {database}.otel_metrics_sum WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_metrics_histogram {on_cluster} AS
SELECT * FROM {database}.otel_metrics_histogram WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_metrics_exponential_histogram {on_cluster} AS
SELECT * FROM {database}.otel_metrics_exponential_histogram WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_metrics_summary {on_cluster} AS
SELECT * FROM {database}.otel_metrics_summary WHERE Namespace = {{ns:String}};
