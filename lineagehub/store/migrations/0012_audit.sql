-- The audit log, for as long as LINEAGEHUB_AUDIT_RETENTION_DAYS says: no namespace's retention concerns it. An entry that was written twice
-- to Kafka is there once, by its id.

CREATE TABLE IF NOT EXISTS {database}.audit_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    entry String
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.audit_log {on_cluster}
(
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    At DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    Id String CODEC(ZSTD(1)),
    Action LowCardinality(String) CODEC(ZSTD(1)),
    Outcome LowCardinality(String) CODEC(ZSTD(1)),
    Target String CODEC(ZSTD(1)),
    KeyId String CODEC(ZSTD(1)),
    Role LowCardinality(String) CODEC(ZSTD(1)),
    CliUser String CODEC(ZSTD(1)),
    RequestId String CODEC(ZSTD(1)),
    ClientAddress String CODEC(ZSTD(1)),
    Detail String CODEC(ZSTD(1)),
    Actor String CODEC(ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(At)
ORDER BY (Namespace, At, Id)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.audit_view {on_cluster} TO {database}.audit_log AS
SELECT
    namespace AS Namespace,
    parseDateTime64BestEffort(parsed.at, 6, 'UTC') AS At,
    event_id AS Id,
    parsed.action AS Action,
    parsed.outcome AS Outcome,
    parsed.target AS Target,
    parsed.actor.key_id AS KeyId,
    parsed.actor.role AS Role,
    parsed.actor.cli_user AS CliUser,
    parsed.request_id AS RequestId,
    parsed.client_address AS ClientAddress,
    JSONExtractRaw(entry, 'detail') AS Detail,
    -- Whole: an actor may have members that have no column yet.
    JSONExtractRaw(entry, 'actor') AS Actor,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
    toUInt16(retention_days) AS RetentionDays
FROM
(
    SELECT
        *,
        JSONExtract(entry, 'Tuple(
            at String,
            action String,
            outcome String,
            target String,
            request_id String,
            client_address String,
            actor Tuple(key_id String, role String, cli_user String)
        )') AS parsed
    FROM {database}.audit_in
);

CREATE OR REPLACE VIEW {database}.read_audit {on_cluster} AS
SELECT * FROM {database}.audit_log FINAL WHERE Namespace = {{ns:String}};

-- What is read, is read through read_* alone, by a user who may read nothing else (lineagehub clickhouse grants): so these views read their
-- tables with the rights of the user who migrates, not with those of whoever asks.

ALTER TABLE {database}.read_audit {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_column_edges {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_column_outputs {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_dataset_facets {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_dataset_jobs {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_dataset_versions {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_datasets {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_declared_edges {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_events {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_facet_versions {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_job_children {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_job_facets {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_job_runs {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_jobs {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_run_children {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_run_dataset_facets {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_run_datasets {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_run_events {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_run_facets {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_runs {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_schema_versions {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_lineage_symlinks {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_logs {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_metrics_exponential_histogram {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_metrics_gauge {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_metrics_histogram {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_metrics_sum {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_metrics_summary {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_trace_times {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_traces {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
