-- An event's bytes and what is derived from them are inserted apart. The bytes: once, under the token of their batch. The derived tables:
-- by as few inserts as possible, whoever's events they are, because their 27 views cost 0.2 CPU s an insert, of one event as of a
-- hundred; nothing derived depends on repetition, so those inserts need no token.

CREATE TABLE IF NOT EXISTS {database}.lineage_raw_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    quarantined_facets Array(String),
    event String
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.lineage_model_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    quarantined_facets Array(String),
    event String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_raw_view {on_cluster} TO {database}.lineage_events AS
SELECT
    namespace AS Namespace,
    parseDateTime64BestEffortOrZero(parsed.eventTime, 6, 'UTC') AS EventTime,
    event_id AS EventId,
    multiIf(RunId != '', 'run', JobName = '' AND JobNamespace = '' AND parsed.dataset.name != '', 'dataset', 'job') AS EventKind,
    parsed.eventType AS EventType,
    lower(parsed.run.runId) AS RunId,
    parsed.job.namespace AS JobNamespace,
    parsed.job.name AS JobName,
    parsed.producer AS Producer,
    topic AS Topic,
    partition AS Partition,
    offset AS Offset,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
    toUInt16(retention_days) AS RetentionDays,
    event AS Event,
    quarantined_facets AS QuarantinedFacets
FROM
(
    SELECT
        *,
        JSONExtract(event, 'Tuple(
            eventTime String,
            eventType String,
            producer String,
            run Tuple(runId String),
            job Tuple(namespace String, name String),
            dataset Tuple(name String)
        )') AS parsed
    FROM {database}.lineage_raw_in
);

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_model_view {on_cluster} TO {database}.lineage_each AS
SELECT
    namespace AS Namespace,
    parseDateTime64BestEffortOrZero(parsed.eventTime, 6, 'UTC') AS EventTime,
    event_id AS EventId,
    multiIf(RunId != '', 'run', JobName = '' AND JobNamespace = '' AND parsed.dataset.name != '', 'dataset', 'job') AS EventKind,
    parsed.eventType AS EventType,
    lower(parsed.run.runId) AS RunId,
    parsed.job.namespace AS JobNamespace,
    parsed.job.name AS JobName,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
    toUInt16(retention_days) AS RetentionDays,
    quarantined AS Quarantined,
    run_facets AS RunFacets,
    lineagehub_facets(parsed.job.facets, '/job/facets', quarantined) AS JobFacets,
    parent_facet != '' AS HasParent,
    (lower(parent.run.runId), parent.job.namespace, parent.job.name) AS Parent,
    (lower(parent.root.run.runId), parent.root.job.namespace, parent.root.job.name) AS Root,
    lineagehub_event_datasets(parsed, EventKind) AS Datasets
FROM
(
    SELECT
        *,
        lineagehub_facets(parsed.run.facets, '/run/facets', quarantined) AS run_facets,
        lineagehub_facet(run_facets, 'parent') AS named_parent,
        -- Early producers named it so.
        if(named_parent != '', named_parent, lineagehub_facet(run_facets, 'parentRun')) AS parent_facet,
        JSONExtract(parent_facet, 'Tuple(
            run Tuple(runId String),
            job Tuple(namespace String, name String),
            root Tuple(run Tuple(runId String), job Tuple(namespace String, name String))
        )') AS parent
    FROM
    (
        SELECT *, lineagehub_event(event) AS parsed, quarantined_facets AS quarantined
        FROM {database}.lineage_model_in
    )
);

-- Both at once, for whoever inserts an event whole. A row may come by the former way too, until that is dropped below.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_events_raw_view {on_cluster} TO {database}.lineage_raw_in AS
SELECT * FROM {database}.lineage_events_in;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_events_model_view {on_cluster} TO {database}.lineage_model_in AS
SELECT * FROM {database}.lineage_events_in;

DROP VIEW IF EXISTS {database}.lineage_each_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_events_each_view {on_cluster};

ALTER TABLE {database}.lineage_each {on_cluster}
    DROP COLUMN IF EXISTS Producer,
    DROP COLUMN IF EXISTS Topic,
    DROP COLUMN IF EXISTS Partition,
    DROP COLUMN IF EXISTS Offset,
    DROP COLUMN IF EXISTS Event;

-- What tells of runs and jobs becomes visible last, after the datasets, edges and facets of the same events: a reader that finds a run
-- finds what it did. ClickHouse makes the tables behind one insert visible one after another, over some 0.3 s, and those that are farther
-- behind it later (measured on 26.9; siblings in any order, which differs from one database to the next): hence the second Null table.

CREATE TABLE IF NOT EXISTS {database}.lineage_states_each {on_cluster}
(
    Namespace LowCardinality(String),
    EventTime DateTime64(6, 'UTC'),
    EventType LowCardinality(String),
    RunId String,
    JobNamespace LowCardinality(String),
    JobName String,
    HasDatasets Bool,
    NominalFacet String,
    HasParent Bool,
    Parent Tuple(RunId String, Namespace String, Name String),
    Root Tuple(RunId String, Namespace String, Name String),
    ReceivedAt DateTime64(3, 'UTC'),
    RetentionDays UInt16
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.lineage_states_last {on_cluster}
(
    Namespace LowCardinality(String),
    EventTime DateTime64(6, 'UTC'),
    EventType LowCardinality(String),
    RunId String,
    JobNamespace LowCardinality(String),
    JobName String,
    HasDatasets Bool,
    NominalFacet String,
    HasParent Bool,
    Parent Tuple(RunId String, Namespace String, Name String),
    Root Tuple(RunId String, Namespace String, Name String),
    ReceivedAt DateTime64(3, 'UTC'),
    RetentionDays UInt16
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_runs_last_view {on_cluster} TO {database}.lineage_runs AS
SELECT
    Namespace,
    RunId,
    argMaxState((toString(each.JobNamespace), each.JobName), (EventTime, toString(each.JobNamespace), each.JobName)) AS Job,
    max((lineagehub_run_rank(EventType), EventTime, toString(EventType))) AS State,
    min(EventTime) AS CreatedAt,
    max(EventTime) AS UpdatedAt,
    minIf(toNullable(EventTime), EventType = 'START') AS StartedAt,
    maxIf(toNullable(EventTime), EventType IN ('COMPLETE', 'FAIL', 'ABORT')) AS EndedAt,
    max(if(
        NominalFacet != '',
        (EventTime, JSONExtractString(NominalFacet, 'nominalStartTime'), JSONExtractString(NominalFacet, 'nominalEndTime')),
        (lineagehub_never(), '', '')
    )) AS Nominal,
    max(if(HasParent, (EventTime, each.Parent.RunId, each.Parent.Namespace, each.Parent.Name), (lineagehub_never(), '', '', ''))) AS Parent,
    max(if(HasParent, (EventTime, each.Root.RunId, each.Root.Namespace, each.Root.Name), (lineagehub_never(), '', '', ''))) AS Root,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_states_last AS each
WHERE RunId != ''
GROUP BY Namespace, RunId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_job_runs_last_view {on_cluster} TO {database}.lineage_job_runs AS
SELECT
    Namespace,
    JobNamespace,
    JobName,
    RunId,
    min(EventTime) AS CreatedAt,
    max(EventTime) AS UpdatedAt,
    max((lineagehub_run_rank(EventType), EventTime, toString(EventType))) AS State,
    minIf(toNullable(EventTime), EventType = 'START') AS StartedAt,
    maxIf(toNullable(EventTime), EventType IN ('COMPLETE', 'FAIL', 'ABORT')) AS EndedAt,
    maxIf(toNullable(EventTime), HasDatasets) AS DatasetsAt,
    minIf(toNullable(EventTime), EventType = 'COMPLETE') AS CompletedAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_states_last AS each
GROUP BY Namespace, JobNamespace, JobName, RunId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_jobs_last_view {on_cluster} TO {database}.lineage_jobs AS
SELECT
    Namespace,
    JobNamespace,
    JobName,
    min(EventTime) AS CreatedAt,
    max(EventTime) AS UpdatedAt,
    max(if(RunId != '', (EventTime, RunId), (lineagehub_never(), ''))) AS LatestRun,
    max(if(HasParent, (EventTime, each.Parent.Namespace, each.Parent.Name, each.Parent.RunId), (lineagehub_never(), '', '', ''))) AS Parent,
    max(if(HasParent, (EventTime, each.Root.Namespace, each.Root.Name, each.Root.RunId), (lineagehub_never(), '', '', ''))) AS Root,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_states_last AS each
GROUP BY Namespace, JobNamespace, JobName;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_states_last_view {on_cluster} TO {database}.lineage_states_last AS
SELECT * FROM {database}.lineage_states_each;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_states_each_view {on_cluster} TO {database}.lineage_states_each AS
SELECT
    Namespace, EventTime, EventType, RunId, JobNamespace, JobName,
    notEmpty(Datasets) AS HasDatasets,
    lineagehub_facet(RunFacets, 'nominalTime') AS NominalFacet,
    HasParent, Parent, Root, ReceivedAt, RetentionDays
FROM {database}.lineage_each
WHERE EventKind != 'dataset';

DROP VIEW IF EXISTS {database}.lineage_runs_each_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_job_runs_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_jobs_each_view {on_cluster};
