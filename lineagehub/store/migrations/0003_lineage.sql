-- Lineage: the raw events, and what is derived from them by views. Nothing derived depends on the order of arrival or on repetition: every
-- derived column is a min, a max, or the value with the greatest (event time, value), so any permutation of a run's events, and any
-- number of copies of them, gives the same state.

CREATE TABLE IF NOT EXISTS {database}.lineage_events_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    event String
)
ENGINE = Null;

-- A repeated event has the same id: it replaces its copy in merges, and reads use FINAL.
CREATE TABLE IF NOT EXISTS {database}.lineage_events {on_cluster}
(
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    EventTime DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    EventId String CODEC(ZSTD(1)),
    EventKind LowCardinality(String) CODEC(ZSTD(1)),
    EventType LowCardinality(String) CODEC(ZSTD(1)),
    RunId String CODEC(ZSTD(1)),
    JobNamespace LowCardinality(String) CODEC(ZSTD(1)),
    JobName String CODEC(ZSTD(1)),
    Producer LowCardinality(String) CODEC(ZSTD(1)),
    Topic LowCardinality(String) CODEC(ZSTD(1)),
    Partition Int32 CODEC(ZSTD(1)),
    Offset Int64 CODEC(Delta, ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    Event String CODEC(ZSTD(3)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(ReceivedAt)
ORDER BY (Namespace, EventTime, EventId)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_events_view {on_cluster} TO {database}.lineage_events AS
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
    event AS Event
FROM {database}.lineage_events_in;

-- State: a terminal event wins over any other, then the later event time, then the name, so that ties do not depend on arrival.
CREATE TABLE IF NOT EXISTS {database}.lineage_runs {on_cluster}
(
    Namespace LowCardinality(String),
    RunId String,
    Job AggregateFunction(argMax, Tuple(String, String), Tuple(DateTime64(6, 'UTC'), String, String)),
    State SimpleAggregateFunction(max, Tuple(UInt8, DateTime64(6, 'UTC'), String)),
    CreatedAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    UpdatedAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    StartedAt SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    EndedAt SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))),
    Nominal SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String, String)),
    Parent SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String, String, String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, RunId)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_runs_view {on_cluster} TO {database}.lineage_runs AS
SELECT
    namespace AS Namespace,
    lower(JSONExtractString(event, 'run', 'runId')) AS RunId,
    argMaxState((JobNamespace, JobName), (Time, JobNamespace, JobName)) AS Job,
    max((Rank, Time, Type)) AS State,
    min(Time) AS CreatedAt,
    max(Time) AS UpdatedAt,
    minIf(toNullable(Time), Type = 'START') AS StartedAt,
    maxIf(toNullable(Time), Rank = 2) AS EndedAt,
    max(NominalTime) AS Nominal,
    max(ParentRun) AS Parent,
    max(fromUnixTimestamp64Milli(received_at_ms, 'UTC')) AS ReceivedAt,
    max(toUInt16(retention_days)) AS RetentionDays
FROM
(
    SELECT
        *,
        parseDateTime64BestEffortOrZero(JSONExtractString(event, 'eventTime'), 6, 'UTC') AS Time,
        JSONExtractString(event, 'job', 'namespace') AS JobNamespace,
        JSONExtractString(event, 'job', 'name') AS JobName,
        JSONExtractString(event, 'eventType') AS Type,
        multiIf(Type IN ('COMPLETE', 'FAIL', 'ABORT'), 2, Type IN ('START', 'RUNNING'), 1, 0)::UInt8 AS Rank,
        JSONExtractString(event, 'run', 'facets', 'nominalTime', 'nominalStartTime') AS NominalStart,
        JSONExtractString(event, 'run', 'facets', 'nominalTime', 'nominalEndTime') AS NominalEnd,
        (if(NominalStart != '', Time, toDateTime64(0, 6, 'UTC')), NominalStart, NominalEnd) AS NominalTime,
        JSONExtractString(event, 'run', 'facets', 'parent', 'run', 'runId') AS ParentRunId,
        (
            if(ParentRunId != '', Time, toDateTime64(0, 6, 'UTC')),
            ParentRunId,
            JSONExtractString(event, 'run', 'facets', 'parent', 'job', 'namespace'),
            JSONExtractString(event, 'run', 'facets', 'parent', 'job', 'name')
        ) AS ParentRun
    FROM {database}.lineage_events_in
    WHERE JSONHas(event, 'run')
)
GROUP BY Namespace, RunId;

-- The facets that a job's node shows. Empty means "not provided", which never overwrites what was.
CREATE TABLE IF NOT EXISTS {database}.lineage_jobs {on_cluster}
(
    Namespace LowCardinality(String),
    JobNamespace LowCardinality(String),
    JobName String,
    CreatedAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    UpdatedAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    LatestRun SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Description SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Location SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Sql SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    JobType SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ParentJob SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, JobNamespace, JobName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_jobs_view {on_cluster} TO {database}.lineage_jobs AS
SELECT
    namespace AS Namespace,
    JSONExtractString(event, 'job', 'namespace') AS JobNamespace,
    JSONExtractString(event, 'job', 'name') AS JobName,
    min(Time) AS CreatedAt,
    max(Time) AS UpdatedAt,
    max((if(JSONHas(event, 'run'), Time, Never), lower(JSONExtractString(event, 'run', 'runId')))) AS LatestRun,
    max((if(Description_ != '', Time, Never), Description_)) AS Description,
    max((if(Location_ != '', Time, Never), Location_)) AS Location,
    max((if(Sql_ != '', Time, Never), Sql_)) AS Sql,
    max((if(JobType_ != '', Time, Never), JobType_)) AS JobType,
    max((if(ParentJob_ != '', Time, Never), ParentJob_)) AS ParentJob,
    max(fromUnixTimestamp64Milli(received_at_ms, 'UTC')) AS ReceivedAt,
    max(toUInt16(retention_days)) AS RetentionDays
FROM
(
    SELECT
        *,
        toDateTime64(0, 6, 'UTC') AS Never,
        parseDateTime64BestEffortOrZero(JSONExtractString(event, 'eventTime'), 6, 'UTC') AS Time,
        JSONExtractString(event, 'job', 'facets', 'documentation', 'description') AS Description_,
        JSONExtractString(event, 'job', 'facets', 'sourceCodeLocation', 'url') AS Location_,
        JSONExtractString(event, 'job', 'facets', 'sql', 'query') AS Sql_,
        JSONExtractString(event, 'job', 'facets', 'jobType', 'processingType') AS JobType_,
        JSONExtractString(event, 'run', 'facets', 'parent', 'job', 'name') AS ParentJob_
    FROM {database}.lineage_events_in
    WHERE JSONHas(event, 'job')
)
GROUP BY Namespace, JobNamespace, JobName;

CREATE TABLE IF NOT EXISTS {database}.lineage_datasets {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    CreatedAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    UpdatedAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    Fields SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Source SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Description SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, DatasetNamespace, DatasetName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_datasets_view {on_cluster} TO {database}.lineage_datasets AS
SELECT
    namespace AS Namespace,
    JSONExtractString(dataset, 'namespace') AS DatasetNamespace,
    JSONExtractString(dataset, 'name') AS DatasetName,
    min(Time) AS CreatedAt,
    max(Time) AS UpdatedAt,
    max((if(Fields_ != '', Time, Never), Fields_)) AS Fields,
    max((if(Source_ != '', Time, Never), Source_)) AS Source,
    max((if(Description_ != '', Time, Never), Description_)) AS Description,
    max(fromUnixTimestamp64Milli(received_at_ms, 'UTC')) AS ReceivedAt,
    max(toUInt16(retention_days)) AS RetentionDays
FROM
(
    SELECT
        namespace,
        received_at_ms,
        retention_days,
        dataset,
        toDateTime64(0, 6, 'UTC') AS Never,
        parseDateTime64BestEffortOrZero(JSONExtractString(event, 'eventTime'), 6, 'UTC') AS Time,
        JSONExtractRaw(dataset, 'facets', 'schema', 'fields') AS Fields_,
        JSONExtractString(dataset, 'facets', 'dataSource', 'name') AS Source_,
        JSONExtractString(dataset, 'facets', 'documentation', 'description') AS Description_
    FROM {database}.lineage_events_in
    ARRAY JOIN arrayConcat(
        JSONExtractArrayRaw(event, 'inputs'),
        JSONExtractArrayRaw(event, 'outputs'),
        if(JSONHas(event, 'dataset'), [JSONExtractRaw(event, 'dataset')], [])
    ) AS dataset
)
GROUP BY Namespace, DatasetNamespace, DatasetName;

CREATE TABLE IF NOT EXISTS {database}.lineage_job_datasets {on_cluster}
(
    Namespace LowCardinality(String),
    JobNamespace LowCardinality(String),
    JobName String,
    Direction Enum8('input' = 1, 'output' = 2),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    FirstSeenAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    LastSeenAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    LastRun SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16),
    INDEX idx_dataset DatasetName TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, JobNamespace, JobName, Direction, DatasetNamespace, DatasetName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_job_datasets_view {on_cluster} TO {database}.lineage_job_datasets AS
SELECT
    namespace AS Namespace,
    JSONExtractString(event, 'job', 'namespace') AS JobNamespace,
    JSONExtractString(event, 'job', 'name') AS JobName,
    side.1 AS Direction,
    JSONExtractString(side.2, 'namespace') AS DatasetNamespace,
    JSONExtractString(side.2, 'name') AS DatasetName,
    min(Time) AS FirstSeenAt,
    max(Time) AS LastSeenAt,
    max((Time, lower(JSONExtractString(event, 'run', 'runId')))) AS LastRun,
    max(fromUnixTimestamp64Milli(received_at_ms, 'UTC')) AS ReceivedAt,
    max(toUInt16(retention_days)) AS RetentionDays
FROM
(
    SELECT *, parseDateTime64BestEffortOrZero(JSONExtractString(event, 'eventTime'), 6, 'UTC') AS Time
    FROM {database}.lineage_events_in
    WHERE JSONHas(event, 'job')
)
ARRAY JOIN arrayConcat(
    arrayMap(dataset -> ('input', dataset), JSONExtractArrayRaw(event, 'inputs')),
    arrayMap(dataset -> ('output', dataset), JSONExtractArrayRaw(event, 'outputs'))
) AS side
GROUP BY Namespace, JobNamespace, JobName, Direction, DatasetNamespace, DatasetName;

-- The only way to read: each view demands the namespace, so a query without one cannot run.

CREATE VIEW IF NOT EXISTS {database}.read_lineage_events {on_cluster} AS
SELECT * FROM {database}.lineage_events FINAL WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_lineage_runs {on_cluster} AS
SELECT
    RunId,
    argMaxMerge(Job) AS JobId,
    max(State) AS StateAt,
    min(CreatedAt) AS Created,
    max(UpdatedAt) AS Updated,
    min(StartedAt) AS Started,
    max(EndedAt) AS Ended,
    max(Nominal) AS NominalTime,
    max(Parent) AS ParentRun
FROM {database}.lineage_runs WHERE Namespace = {{ns:String}}
GROUP BY RunId;

CREATE VIEW IF NOT EXISTS {database}.read_lineage_jobs {on_cluster} AS
SELECT * FROM {database}.lineage_jobs FINAL WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_lineage_datasets {on_cluster} AS
SELECT * FROM {database}.lineage_datasets FINAL WHERE Namespace = {{ns:String}};

CREATE VIEW IF NOT EXISTS {database}.read_lineage_job_datasets {on_cluster} AS
SELECT * FROM {database}.lineage_job_datasets FINAL WHERE Namespace = {{ns:String}};
