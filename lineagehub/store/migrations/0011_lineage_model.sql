-- The lineage model: what is derived from the raw events. It takes the place of the views of 0003.
--
-- An event is parsed once, into lineage_each, and each dataset that it names is a row of lineage_datasets_each; every table is filled from
-- these two. Nothing depends on the order of arrival or on repetition: every column is a min, a max, or a max of (event time, value), and
-- at one event time the greater value wins. What is not provided makes no row, so it changes nothing; a facet that is sent again replaces
-- its former self, and `_deleted` is a value like others, honoured by the read_ views.

-- An event, taken apart in one pass; its facets stay JSON.
CREATE FUNCTION IF NOT EXISTS lineagehub_event {on_cluster} AS (event) -> JSONExtract(event, 'Tuple(
    eventTime String,
    eventType String,
    producer String,
    run Tuple(runId String, facets Map(String, String)),
    job Tuple(namespace String, name String, facets Map(String, String)),
    inputs Array(Tuple(namespace String, name String, facets Map(String, String), inputFacets Map(String, String))),
    outputs Array(Tuple(namespace String, name String, facets Map(String, String), outputFacets Map(String, String))),
    dataset Tuple(namespace String, name String, facets Map(String, String))
)');

-- The facets of a map that are objects (and no texts that look like one) and are not quarantined. `pointer` is the map's JSON pointer,
-- `quarantined` the pointers of malformed facets.
CREATE FUNCTION IF NOT EXISTS lineagehub_facets {on_cluster} AS (facets, pointer, quarantined) -> arrayFilter(
    facet -> startsWith(facet.2, '{{') AND isValidJSON(facet.2)
        AND NOT has(quarantined, concat(pointer, '/', replaceAll(replaceAll(facet.1, '~', '~0'), '/', '~1'))),
    CAST(facets, 'Array(Tuple(String, String))')
);

-- One facet's JSON, empty if it is not there.
CREATE FUNCTION IF NOT EXISTS lineagehub_facet {on_cluster} AS (facets, name) -> arrayFirst(facet -> facet.1 = name, facets).2;

-- The datasets of an event, each with its side, its JSON pointer, its names, its facets and those of its side.
CREATE FUNCTION IF NOT EXISTS lineagehub_event_datasets {on_cluster} AS (parsed, kind) -> arrayConcat(
    arrayMap(
        (dataset, number) -> ('input', concat('/inputs/', toString(number - 1)), dataset.1, dataset.2, dataset.3, dataset.4),
        parsed.inputs, arrayEnumerate(parsed.inputs)
    ),
    arrayMap(
        (dataset, number) -> ('output', concat('/outputs/', toString(number - 1)), dataset.1, dataset.2, dataset.3, dataset.4),
        parsed.outputs, arrayEnumerate(parsed.outputs)
    ),
    arrayMap(
        dataset -> ('dataset', '/dataset', dataset.1, dataset.2, dataset.3, CAST(map(), 'Map(String, String)')),
        if(kind = 'dataset', [parsed.dataset], [])
    )
);

-- A time before every event time: the one of what was never provided.
CREATE FUNCTION IF NOT EXISTS lineagehub_never {on_cluster} AS () -> toDateTime64('1900-01-01 00:00:00', 6, 'UTC');

-- A terminal event beats any other: then the later one counts.
CREATE FUNCTION IF NOT EXISTS lineagehub_run_rank {on_cluster} AS (type) ->
    multiIf(type IN ('COMPLETE', 'FAIL', 'ABORT'), 2, type IN ('START', 'RUNNING'), 1, 0)::UInt8;

CREATE FUNCTION IF NOT EXISTS lineagehub_hash {on_cluster} AS (text) -> lower(hex(sipHash128(text)));

-- What tells two contents of a facet apart: the hash of the two members that hold its edges. Empty for a deleted facet.
CREATE FUNCTION IF NOT EXISTS lineagehub_content_hash {on_cluster} AS (facet, first, second) -> if(
    JSONExtractBool(facet, '_deleted'), '', lower(hex(sipHash128(JSONExtractRaw(facet, first), JSONExtractRaw(facet, second))))
);

-- One row an event. An empty Topic is that of an event which is stored already, and of which the model is made anew.
CREATE TABLE IF NOT EXISTS {database}.lineage_each {on_cluster}
(
    Namespace LowCardinality(String),
    EventTime DateTime64(6, 'UTC'),
    EventId String,
    EventKind LowCardinality(String),
    EventType LowCardinality(String),
    RunId String,
    JobNamespace LowCardinality(String),
    JobName String,
    Producer LowCardinality(String),
    Topic LowCardinality(String),
    Partition Int32,
    Offset Int64,
    ReceivedAt DateTime64(3, 'UTC'),
    RetentionDays UInt16,
    Event String,
    Quarantined Array(String),
    RunFacets Array(Tuple(Name String, Raw String)),
    JobFacets Array(Tuple(Name String, Raw String)),
    HasParent Bool,
    Parent Tuple(RunId String, Namespace String, Name String),
    Root Tuple(RunId String, Namespace String, Name String),
    Datasets Array(Tuple(
        Side Enum8('dataset' = 0, 'input' = 1, 'output' = 2),
        Pointer String,
        Namespace String,
        Name String,
        Facets Map(String, String),
        SideFacets Map(String, String)
    ))
)
ENGINE = Null;

-- One row a dataset that an event names.
CREATE TABLE IF NOT EXISTS {database}.lineage_datasets_each {on_cluster}
(
    Namespace LowCardinality(String),
    EventTime DateTime64(6, 'UTC'),
    EventKind LowCardinality(String),
    RunId String,
    JobNamespace LowCardinality(String),
    JobName String,
    Side Enum8('dataset' = 0, 'input' = 1, 'output' = 2),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Facets Array(Tuple(Name String, Raw String)),
    SideFacets Array(Tuple(Name String, Raw String)),
    SchemaFields String,
    ColumnLineage String,
    Lineage String,
    ReceivedAt DateTime64(3, 'UTC'),
    RetentionDays UInt16
)
ENGINE = Null;

-- One row a target of a `lineage` facet: a job's entry, or the dataset that has the facet. An empty job means that there is none.
CREATE TABLE IF NOT EXISTS {database}.lineage_declarations_each {on_cluster}
(
    Namespace LowCardinality(String),
    EventTime DateTime64(6, 'UTC'),
    JobNamespace LowCardinality(String),
    JobName String,
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Source LowCardinality(String),
    Hash String,
    TargetType LowCardinality(String),
    TargetNamespace String,
    TargetName String,
    Inputs Array(Tuple(namespace String, name String, type String, field String, transformations String)),
    Fields Array(Tuple(
        field String,
        inputs Array(Tuple(namespace String, name String, type String, field String, transformations String))
    )),
    ReceivedAt DateTime64(3, 'UTC'),
    RetentionDays UInt16
)
ENGINE = Null;

-- The events of a run, so that one run's details never scan the namespace.
CREATE TABLE IF NOT EXISTS {database}.lineage_run_events {on_cluster}
(
    Namespace LowCardinality(String),
    RunId String,
    EventTime DateTime64(6, 'UTC'),
    EventId String,
    EventType SimpleAggregateFunction(max, String),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, RunId, EventTime, EventId)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The runs of a job, narrow. The row without a run id stands for the job's JobEvents.
-- DatasetsAt: the last event that named a dataset; CompletedAt: the first COMPLETE.
CREATE TABLE IF NOT EXISTS {database}.lineage_job_runs {on_cluster}
(
    Namespace LowCardinality(String),
    JobNamespace LowCardinality(String),
    JobName String,
    RunId String,
    CreatedAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    UpdatedAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    State SimpleAggregateFunction(max, Tuple(UInt8, DateTime64(6, 'UTC'), String)),
    StartedAt SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    EndedAt SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))),
    DatasetsAt SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))),
    CompletedAt SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, JobNamespace, JobName, RunId)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

ALTER TABLE {database}.lineage_runs {on_cluster}
    ADD COLUMN IF NOT EXISTS Root SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String, String, String)) AFTER Parent;

-- ParentJob and RootJob: (event time, namespace, name, run id).
ALTER TABLE {database}.lineage_jobs {on_cluster}
    ADD COLUMN IF NOT EXISTS Parent SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String, String, String)) AFTER LatestRun,
    ADD COLUMN IF NOT EXISTS Root SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String, String, String)) AFTER Parent;

-- The jobs that have named a job as their parent; which of them still do, lineage_jobs says.
CREATE TABLE IF NOT EXISTS {database}.lineage_job_children {on_cluster}
(
    Namespace LowCardinality(String),
    ParentNamespace LowCardinality(String),
    ParentName String,
    JobNamespace LowCardinality(String),
    JobName String,
    LastSeenAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, ParentNamespace, ParentName, JobNamespace, JobName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The runs that have named a run as their parent.
CREATE TABLE IF NOT EXISTS {database}.lineage_run_children {on_cluster}
(
    Namespace LowCardinality(String),
    ParentRunId String,
    RunId String,
    LastSeenAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, ParentRunId, RunId)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The latest JSON of each facet, known and custom.
CREATE TABLE IF NOT EXISTS {database}.lineage_run_facets {on_cluster}
(
    Namespace LowCardinality(String),
    RunId String,
    Facet LowCardinality(String),
    Latest SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, RunId, Facet)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE TABLE IF NOT EXISTS {database}.lineage_job_facets {on_cluster}
(
    Namespace LowCardinality(String),
    JobNamespace LowCardinality(String),
    JobName String,
    Facet LowCardinality(String),
    Latest SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, JobNamespace, JobName, Facet)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Part: of the dataset itself, or of it as an input or output.
CREATE TABLE IF NOT EXISTS {database}.lineage_dataset_facets {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Part Enum8('facets' = 0, 'inputFacets' = 1, 'outputFacets' = 2),
    Facet LowCardinality(String),
    Latest SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, DatasetNamespace, DatasetName, Part, Facet)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Facets of a dataset in one run: those of its input or output, and those of the dataset that tell of a moment.
CREATE TABLE IF NOT EXISTS {database}.lineage_run_dataset_facets {on_cluster}
(
    Namespace LowCardinality(String),
    RunId String,
    Side Enum8('dataset' = 0, 'input' = 1, 'output' = 2),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Facet LowCardinality(String),
    Latest SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, RunId, Side, DatasetNamespace, DatasetName, Facet)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Each event's datasets: a run's edges, a job's, and both as of any time. An empty RunId stands for JobEvents.
CREATE TABLE IF NOT EXISTS {database}.lineage_run_datasets {on_cluster}
(
    Namespace LowCardinality(String),
    JobNamespace LowCardinality(String),
    JobName String,
    RunId String,
    Direction Enum8('input' = 1, 'output' = 2),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    EventTime DateTime64(6, 'UTC'),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, JobNamespace, JobName, RunId, Direction, DatasetNamespace, DatasetName, EventTime)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The jobs that have ever named a dataset.
CREATE TABLE IF NOT EXISTS {database}.lineage_dataset_jobs {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Direction Enum8('input' = 1, 'output' = 2),
    JobNamespace LowCardinality(String),
    JobName String,
    FirstSeenAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    LastSeenAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, DatasetNamespace, DatasetName, Direction, JobNamespace, JobName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Schemas of a dataset, by the hash of their fields.
CREATE TABLE IF NOT EXISTS {database}.lineage_schema_versions {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Hash String,
    Fields SimpleAggregateFunction(max, String),
    FirstSeen SimpleAggregateFunction(min, Tuple(DateTime64(6, 'UTC'), String)),
    LastSeen SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, DatasetNamespace, DatasetName, Hash)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The versions of a dataset that runs wrote. Each value is (event time, value), the value empty if none was provided.
CREATE TABLE IF NOT EXISTS {database}.lineage_dataset_versions {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    RunId String,
    JobNamespace SimpleAggregateFunction(max, String),
    JobName SimpleAggregateFunction(max, String),
    CreatedAt SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    UpdatedAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    SchemaHash SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Version SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    Lifecycle SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, DatasetNamespace, DatasetName, RunId)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The latest symlinks facet of each dataset that has one; reads unite the names.
CREATE TABLE IF NOT EXISTS {database}.lineage_symlinks {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    Latest SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String)),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, DatasetNamespace, DatasetName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Which content a lineage facet had at each of its event times: its edges are stored once, under the hash. Empty: deleted.
-- Source: columnLineage, dataset (`lineage` of a dataset), job (`lineage` of a job, whose dataset is empty).
CREATE TABLE IF NOT EXISTS {database}.lineage_facet_versions {on_cluster}
(
    Namespace LowCardinality(String),
    Source LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    JobNamespace LowCardinality(String),
    JobName String,
    EventTime DateTime64(6, 'UTC'),
    Hash SimpleAggregateFunction(max, String),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, Source, DatasetNamespace, DatasetName, JobNamespace, JobName, EventTime)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Column edges of one facet content. An empty OutputField is the whole output dataset, an empty InputField the whole input dataset.
CREATE TABLE IF NOT EXISTS {database}.lineage_column_edges {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    JobNamespace LowCardinality(String),
    JobName String,
    Source LowCardinality(String),
    Hash String,
    OutputField String,
    InputNamespace LowCardinality(String),
    InputName String,
    InputField String,
    Transformations String,
    TransformationType String,
    TransformationDescription String,
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
PRIMARY KEY (Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName, Source, Hash)
ORDER BY
(
    Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName, Source, Hash,
    OutputField, InputNamespace, InputName, InputField, Transformations, TransformationType, TransformationDescription
)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The datasets whose columns have ever come from a dataset.
CREATE TABLE IF NOT EXISTS {database}.lineage_column_outputs {on_cluster}
(
    Namespace LowCardinality(String),
    InputNamespace LowCardinality(String),
    InputName String,
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    LastSeenAt SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (Namespace, InputNamespace, InputName, DatasetNamespace, DatasetName)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- Edges between jobs and datasets that one content of a `lineage` facet declares.
CREATE TABLE IF NOT EXISTS {database}.lineage_declared_edges {on_cluster}
(
    Namespace LowCardinality(String),
    DatasetNamespace LowCardinality(String),
    DatasetName String,
    JobNamespace LowCardinality(String),
    JobName String,
    Source LowCardinality(String),
    Hash String,
    OriginKind LowCardinality(String),
    OriginNamespace LowCardinality(String),
    OriginName String,
    DestinationKind LowCardinality(String),
    DestinationNamespace LowCardinality(String),
    DestinationName String,
    ReceivedAt SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    RetentionDays SimpleAggregateFunction(max, UInt16)
)
ENGINE = {engine:AggregatingMergeTree}
PRIMARY KEY (Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName, Source, Hash)
ORDER BY
(
    Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName, Source, Hash,
    OriginKind, OriginNamespace, OriginName, DestinationKind, DestinationNamespace, DestinationName
)
TTL toDateTime(ReceivedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

-- The views. Names differ from those of 0003, so that there is no moment without the raw events' view.

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_events_each_view {on_cluster} TO {database}.lineage_events AS
SELECT
    Namespace, EventTime, EventId, EventKind, EventType, RunId, JobNamespace, JobName, Producer, Topic, Partition, Offset, ReceivedAt,
    RetentionDays, Event
FROM {database}.lineage_each
WHERE Topic != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_run_events_view {on_cluster} TO {database}.lineage_run_events AS
SELECT
    Namespace,
    RunId,
    EventTime,
    EventId,
    max(toString(each.EventType)) AS EventType,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
WHERE RunId != ''
GROUP BY Namespace, RunId, EventTime, EventId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_runs_each_view {on_cluster} TO {database}.lineage_runs AS
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
FROM
(
    SELECT *, lineagehub_facet(RunFacets, 'nominalTime') AS NominalFacet
    FROM {database}.lineage_each
    WHERE RunId != ''
) AS each
GROUP BY Namespace, RunId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_job_runs_view {on_cluster} TO {database}.lineage_job_runs AS
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
    maxIf(toNullable(EventTime), notEmpty(Datasets)) AS DatasetsAt,
    minIf(toNullable(EventTime), EventType = 'COMPLETE') AS CompletedAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
WHERE EventKind != 'dataset'
GROUP BY Namespace, JobNamespace, JobName, RunId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_jobs_each_view {on_cluster} TO {database}.lineage_jobs AS
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
FROM {database}.lineage_each AS each
WHERE EventKind != 'dataset'
GROUP BY Namespace, JobNamespace, JobName;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_job_children_view {on_cluster} TO {database}.lineage_job_children AS
SELECT
    Namespace,
    Parent.Namespace AS ParentNamespace,
    Parent.Name AS ParentName,
    JobNamespace,
    JobName,
    max(EventTime) AS LastSeenAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
WHERE HasParent AND Parent.RunId != ''
GROUP BY Namespace, ParentNamespace, ParentName, JobNamespace, JobName;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_run_children_view {on_cluster} TO {database}.lineage_run_children AS
SELECT
    Namespace,
    Parent.RunId AS ParentRunId,
    RunId,
    max(EventTime) AS LastSeenAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
WHERE HasParent AND Parent.RunId != ''
GROUP BY Namespace, ParentRunId, RunId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_run_facets_view {on_cluster} TO {database}.lineage_run_facets AS
SELECT
    Namespace,
    RunId,
    facet.Name AS Facet,
    max((EventTime, facet.Raw)) AS Latest,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
ARRAY JOIN RunFacets AS facet
WHERE RunId != ''
GROUP BY Namespace, RunId, Facet;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_job_facets_view {on_cluster} TO {database}.lineage_job_facets AS
SELECT
    Namespace,
    JobNamespace,
    JobName,
    facet.Name AS Facet,
    max((EventTime, facet.Raw)) AS Latest,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
ARRAY JOIN JobFacets AS facet
WHERE EventKind != 'dataset'
GROUP BY Namespace, JobNamespace, JobName, Facet;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_datasets_each_rows_view {on_cluster} TO {database}.lineage_datasets AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    min(EventTime) AS CreatedAt,
    max(EventTime) AS UpdatedAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
GROUP BY Namespace, DatasetNamespace, DatasetName;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_run_datasets_view {on_cluster} TO {database}.lineage_run_datasets AS
SELECT
    Namespace,
    JobNamespace,
    JobName,
    RunId,
    CAST(Side, 'Enum8(\'input\' = 1, \'output\' = 2)') AS Direction,
    DatasetNamespace,
    DatasetName,
    EventTime,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
WHERE Side != 'dataset'
GROUP BY Namespace, JobNamespace, JobName, RunId, Direction, DatasetNamespace, DatasetName, EventTime;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_dataset_jobs_view {on_cluster} TO {database}.lineage_dataset_jobs AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    CAST(Side, 'Enum8(\'input\' = 1, \'output\' = 2)') AS Direction,
    JobNamespace,
    JobName,
    min(EventTime) AS FirstSeenAt,
    max(EventTime) AS LastSeenAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
WHERE Side != 'dataset'
GROUP BY Namespace, DatasetNamespace, DatasetName, Direction, JobNamespace, JobName;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_dataset_facets_view {on_cluster} TO {database}.lineage_dataset_facets AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    CAST('facets', 'Enum8(\'facets\' = 0, \'inputFacets\' = 1, \'outputFacets\' = 2)') AS Part,
    facet.Name AS Facet,
    max((EventTime, facet.Raw)) AS Latest,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
ARRAY JOIN Facets AS facet
GROUP BY Namespace, DatasetNamespace, DatasetName, Part, Facet;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_dataset_side_facets_view {on_cluster} TO {database}.lineage_dataset_facets AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    CAST(toInt8(Side), 'Enum8(\'facets\' = 0, \'inputFacets\' = 1, \'outputFacets\' = 2)') AS Part,
    facet.Name AS Facet,
    max((EventTime, facet.Raw)) AS Latest,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
ARRAY JOIN SideFacets AS facet
GROUP BY Namespace, DatasetNamespace, DatasetName, Part, Facet;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_run_dataset_facets_view {on_cluster} TO {database}.lineage_run_dataset_facets AS
SELECT
    Namespace,
    RunId,
    Side,
    DatasetNamespace,
    DatasetName,
    facet.Name AS Facet,
    max((EventTime, facet.Raw)) AS Latest,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
ARRAY JOIN arrayConcat(
    SideFacets,
    arrayFilter(one -> one.Name IN ('version', 'lifecycleStateChange', 'dataQualityMetrics', 'dataQualityAssertions'), Facets)
) AS facet
WHERE RunId != ''
GROUP BY Namespace, RunId, Side, DatasetNamespace, DatasetName, Facet;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_schema_versions_view {on_cluster} TO {database}.lineage_schema_versions AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    lineagehub_hash(SchemaFields) AS Hash,
    max(SchemaFields) AS Fields,
    min((EventTime, RunId)) AS FirstSeen,
    max((EventTime, RunId)) AS LastSeen,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
WHERE SchemaFields != ''
GROUP BY Namespace, DatasetNamespace, DatasetName, Hash;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_dataset_versions_view {on_cluster} TO {database}.lineage_dataset_versions AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    RunId,
    max(toString(each.JobNamespace)) AS JobNamespace,
    max(each.JobName) AS JobName,
    min(EventTime) AS CreatedAt,
    max(EventTime) AS UpdatedAt,
    max(if(SchemaFields != '', (EventTime, lineagehub_hash(SchemaFields)), (lineagehub_never(), ''))) AS SchemaHash,
    max(if(VersionFacet != '', (EventTime, JSONExtractString(VersionFacet, 'datasetVersion')), (lineagehub_never(), ''))) AS Version,
    max(if(
        LifecycleFacet != '', (EventTime, JSONExtractString(LifecycleFacet, 'lifecycleStateChange')), (lineagehub_never(), '')
    )) AS Lifecycle,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM
(
    SELECT
        *,
        lineagehub_facet(Facets, 'version') AS VersionFacet,
        lineagehub_facet(Facets, 'lifecycleStateChange') AS LifecycleFacet
    FROM {database}.lineage_datasets_each
    WHERE Side = 'output' AND RunId != ''
) AS each
GROUP BY Namespace, DatasetNamespace, DatasetName, RunId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_symlinks_view {on_cluster} TO {database}.lineage_symlinks AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    max((EventTime, lineagehub_facet(Facets, 'symlinks'))) AS Latest,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
WHERE lineagehub_facet(Facets, 'symlinks') != ''
GROUP BY Namespace, DatasetNamespace, DatasetName;

-- Column lineage: the history of the facet, and the edges of each content.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_facet_versions_columns_view {on_cluster} TO {database}.lineage_facet_versions AS
SELECT
    Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName,
    'columnLineage' AS Source,
    EventTime,
    max(lineagehub_content_hash(ColumnLineage, 'fields', 'dataset')) AS Hash,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
WHERE ColumnLineage != ''
GROUP BY Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName, EventTime;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_column_edges_view {on_cluster} TO {database}.lineage_column_edges AS
SELECT
    Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName,
    'columnLineage' AS Source,
    Hash,
    edge.1 AS OutputField,
    edge.2.namespace AS InputNamespace,
    edge.2.name AS InputName,
    edge.2.field AS InputField,
    edge.2.transformations AS Transformations,
    edge.3 AS TransformationType,
    edge.4 AS TransformationDescription,
    ReceivedAt,
    RetentionDays
FROM
(
    SELECT
        *,
        lineagehub_content_hash(ColumnLineage, 'fields', 'dataset') AS Hash,
        JSONExtract(ColumnLineage, 'Tuple(
            fields Map(String, Tuple(
                inputFields Array(Tuple(namespace String, name String, field String, transformations String)),
                transformationType String,
                transformationDescription String
            )),
            dataset Array(Tuple(namespace String, name String, field String, transformations String))
        )') AS Content
    FROM {database}.lineage_datasets_each
    WHERE ColumnLineage != ''
)
ARRAY JOIN arrayConcat(
    arrayFlatten(arrayMap(
        (name, made) -> arrayMap(input -> (name, input, made.transformationType, made.transformationDescription), made.inputFields),
        mapKeys(Content.fields), mapValues(Content.fields)
    )),
    arrayMap(input -> ('', input, '', ''), Content.dataset)
) AS edge;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_column_outputs_view {on_cluster} TO {database}.lineage_column_outputs AS
SELECT
    Namespace,
    input.1 AS InputNamespace,
    input.2 AS InputName,
    DatasetNamespace,
    DatasetName,
    max(EventTime) AS LastSeenAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM
(
    SELECT
        *,
        JSONExtract(ColumnLineage, 'Tuple(
            fields Map(String, Tuple(inputFields Array(Tuple(namespace String, name String)))),
            dataset Array(Tuple(namespace String, name String))
        )') AS Content
    FROM {database}.lineage_datasets_each
    WHERE ColumnLineage != ''
) AS each
ARRAY JOIN arrayDistinct(arrayConcat(arrayFlatten(mapValues(Content.fields).inputFields), Content.dataset)) AS input
GROUP BY Namespace, InputNamespace, InputName, DatasetNamespace, DatasetName;

-- The `lineage` facet: what it declares, its history, and the edges of each content.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_facet_versions_dataset_view {on_cluster} TO {database}.lineage_facet_versions AS
SELECT
    Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName,
    'dataset' AS Source,
    EventTime,
    max(lineagehub_content_hash(Lineage, 'inputs', 'fields')) AS Hash,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_datasets_each AS each
WHERE Lineage != ''
GROUP BY Namespace, DatasetNamespace, DatasetName, JobNamespace, JobName, EventTime;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_facet_versions_job_view {on_cluster} TO {database}.lineage_facet_versions AS
SELECT
    Namespace, '' AS DatasetNamespace, '' AS DatasetName, JobNamespace, JobName,
    'job' AS Source,
    EventTime,
    max(lineagehub_content_hash(lineagehub_facet(JobFacets, 'lineage'), 'entries', 'entries')) AS Hash,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_each AS each
WHERE EventKind != 'dataset' AND lineagehub_facet(JobFacets, 'lineage') != ''
GROUP BY Namespace, JobNamespace, JobName, EventTime;

-- These three are made before those that feed them.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_declared_column_edges_view {on_cluster} TO {database}.lineage_column_edges AS
SELECT
    Namespace,
    TargetNamespace AS DatasetNamespace,
    TargetName AS DatasetName,
    JobNamespace,
    JobName,
    Source,
    Hash,
    edge.1 AS OutputField,
    edge.2.namespace AS InputNamespace,
    edge.2.name AS InputName,
    edge.2.field AS InputField,
    edge.2.transformations AS Transformations,
    '' AS TransformationType,
    '' AS TransformationDescription,
    ReceivedAt,
    RetentionDays
FROM {database}.lineage_declarations_each
ARRAY JOIN arrayConcat(
    arrayFlatten(arrayMap(
        entry -> arrayMap(input -> (entry.field, input), arrayFilter(input -> input.type = 'DATASET', entry.inputs)), Fields
    )),
    arrayMap(input -> ('', input), arrayFilter(input -> input.type = 'DATASET' AND input.field != '', Inputs))
) AS edge
WHERE TargetType = 'DATASET';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_declared_column_outputs_view {on_cluster} TO {database}.lineage_column_outputs AS
SELECT
    Namespace,
    input.namespace AS InputNamespace,
    input.name AS InputName,
    TargetNamespace AS DatasetNamespace,
    TargetName AS DatasetName,
    max(EventTime) AS LastSeenAt,
    max(each.ReceivedAt) AS ReceivedAt,
    max(each.RetentionDays) AS RetentionDays
FROM {database}.lineage_declarations_each AS each
ARRAY JOIN arrayFilter(input -> input.type = 'DATASET', arrayConcat(arrayFlatten(Fields.inputs), Inputs)) AS input
WHERE TargetType = 'DATASET'
GROUP BY Namespace, InputNamespace, InputName, DatasetNamespace, DatasetName;

-- Data flow from each input to the target: through the event's job where both are datasets, directly where there is no job.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_declared_edges_view {on_cluster} TO {database}.lineage_declared_edges AS
SELECT
    Namespace,
    DatasetNamespace,
    DatasetName,
    JobNamespace,
    JobName,
    Source,
    Hash,
    edge.1 AS OriginKind,
    edge.2 AS OriginNamespace,
    edge.3 AS OriginName,
    edge.4 AS DestinationKind,
    edge.5 AS DestinationNamespace,
    edge.6 AS DestinationName,
    ReceivedAt,
    RetentionDays
FROM
(
    SELECT
        *,
        toString(JobNamespace) AS OwnNamespace,
        JobName != '' OR JobNamespace != '' AS HasJob,
        lower(TargetType) AS TargetKind,
        arrayDistinct(arrayMap(
            input -> if(
                input.name = '' AND input.namespace = '' AND input.type = 'JOB',
                ('job', OwnNamespace, JobName),
                (lower(input.type), input.namespace, input.name)
            ),
            arrayConcat(arrayFlatten(Fields.inputs), Inputs))) AS Origins
    FROM {database}.lineage_declarations_each
)
ARRAY JOIN arrayDistinct(arrayFlatten(arrayMap(
    origin -> multiIf(
        TargetKind = 'dataset' AND origin.1 = 'dataset' AND HasJob,
        [
            (origin.1, origin.2, origin.3, 'job', OwnNamespace, JobName),
            ('job', OwnNamespace, JobName, TargetKind, TargetNamespace, TargetName)
        ],
        [(origin.1, origin.2, origin.3, TargetKind, TargetNamespace, TargetName)]),
    Origins))) AS edge
WHERE edge.1 != '' AND edge.4 != '' AND (edge.1, edge.2, edge.3) != (edge.4, edge.5, edge.6);

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_dataset_declarations_view {on_cluster} TO {database}.lineage_declarations_each AS
SELECT
    Namespace, EventTime, JobNamespace, JobName, DatasetNamespace, DatasetName,
    'dataset' AS Source,
    lineagehub_content_hash(Lineage, 'inputs', 'fields') AS Hash,
    'DATASET' AS TargetType,
    DatasetNamespace AS TargetNamespace,
    DatasetName AS TargetName,
    Content.inputs AS Inputs,
    arrayMap((name, made) -> (name, made.inputs), mapKeys(Content.fields), mapValues(Content.fields)) AS Fields,
    ReceivedAt,
    RetentionDays
FROM
(
    SELECT
        *,
        JSONExtract(Lineage, 'Tuple(
            inputs Array(Tuple(namespace String, name String, type String, field String, transformations String)),
            fields Map(String, Tuple(
                inputs Array(Tuple(namespace String, name String, type String, field String, transformations String))
            ))
        )') AS Content
    FROM {database}.lineage_datasets_each
    WHERE Lineage != ''
);

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_job_declarations_view {on_cluster} TO {database}.lineage_declarations_each AS
SELECT
    Namespace, EventTime, JobNamespace, JobName,
    '' AS DatasetNamespace,
    '' AS DatasetName,
    'job' AS Source,
    lineagehub_content_hash(Facet, 'entries', 'entries') AS Hash,
    entry.type AS TargetType,
    if(entry.type = 'JOB' AND entry.name = '' AND entry.namespace = '', toString(JobNamespace), entry.namespace) AS TargetNamespace,
    if(entry.type = 'JOB' AND entry.name = '' AND entry.namespace = '', JobName, entry.name) AS TargetName,
    entry.inputs AS Inputs,
    arrayMap((name, made) -> (name, made.inputs), mapKeys(entry.fields), mapValues(entry.fields)) AS Fields,
    ReceivedAt,
    RetentionDays
FROM
(
    SELECT *, lineagehub_facet(JobFacets, 'lineage') AS Facet
    FROM {database}.lineage_each
    WHERE EventKind != 'dataset' AND lineagehub_facet(JobFacets, 'lineage') != ''
)
ARRAY JOIN JSONExtract(Facet, 'entries', 'Array(Tuple(
    namespace String,
    name String,
    type String,
    inputs Array(Tuple(namespace String, name String, type String, field String, transformations String)),
    fields Map(String, Tuple(
        inputs Array(Tuple(namespace String, name String, type String, field String, transformations String))
    ))
))') AS entry;

-- Last, the two views that feed all of these.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_datasets_each_view {on_cluster} TO {database}.lineage_datasets_each AS
SELECT
    Namespace,
    EventTime,
    EventKind,
    RunId,
    JobNamespace,
    JobName,
    dataset.Side AS Side,
    dataset.Namespace AS DatasetNamespace,
    dataset.Name AS DatasetName,
    lineagehub_facets(dataset.Facets, concat(dataset.Pointer, '/facets'), Quarantined) AS Facets,
    lineagehub_facets(
        dataset.SideFacets, concat(dataset.Pointer, if(dataset.Side = 'input', '/inputFacets', '/outputFacets')), Quarantined
    ) AS SideFacets,
    JSONExtractRaw(lineagehub_facet(Facets, 'schema'), 'fields') AS SchemaFields,
    lineagehub_facet(Facets, 'columnLineage') AS ColumnLineage,
    lineagehub_facet(Facets, 'lineage') AS Lineage,
    ReceivedAt,
    RetentionDays
FROM {database}.lineage_each
ARRAY JOIN Datasets AS dataset;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.lineage_each_view {on_cluster} TO {database}.lineage_each AS
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
        SELECT *, lineagehub_event(event) AS parsed, CAST([], 'Array(String)') AS quarantined
        FROM {database}.lineage_events_in
    )
);

-- The only way to read. A deleted facet is not there.

CREATE OR REPLACE VIEW {database}.read_lineage_runs {on_cluster} AS
SELECT
    RunId,
    argMaxMerge(Job) AS JobId,
    max(State) AS StateAt,
    min(CreatedAt) AS Created,
    max(UpdatedAt) AS Updated,
    min(StartedAt) AS Started,
    max(EndedAt) AS Ended,
    max(Nominal) AS NominalTime,
    max(Parent) AS ParentRun,
    max(Root) AS RootRun
FROM {database}.lineage_runs WHERE Namespace = {{ns:String}}
GROUP BY RunId;

CREATE OR REPLACE VIEW {database}.read_lineage_job_runs {on_cluster} AS
SELECT
    JobNamespace,
    JobName,
    RunId,
    max(State) AS StateAt,
    min(CreatedAt) AS Created,
    max(UpdatedAt) AS Updated,
    min(StartedAt) AS Started,
    max(EndedAt) AS Ended,
    max(DatasetsAt) AS NamedDatasets,
    min(CompletedAt) AS Completed
FROM {database}.lineage_job_runs WHERE Namespace = {{ns:String}}
GROUP BY JobNamespace, JobName, RunId;

CREATE OR REPLACE VIEW {database}.read_lineage_run_events {on_cluster} AS
SELECT * FROM {database}.lineage_run_events FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_jobs {on_cluster} AS
SELECT * FROM {database}.lineage_jobs FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_job_children {on_cluster} AS
SELECT * FROM {database}.lineage_job_children FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_run_children {on_cluster} AS
SELECT * FROM {database}.lineage_run_children FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_datasets {on_cluster} AS
SELECT * FROM {database}.lineage_datasets FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_schema_versions {on_cluster} AS
SELECT * FROM {database}.lineage_schema_versions FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_dataset_versions {on_cluster} AS
SELECT * FROM {database}.lineage_dataset_versions FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_facet_versions {on_cluster} AS
SELECT * FROM {database}.lineage_facet_versions FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_column_edges {on_cluster} AS
SELECT * FROM {database}.lineage_column_edges FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_column_outputs {on_cluster} AS
SELECT * FROM {database}.lineage_column_outputs FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_declared_edges {on_cluster} AS
SELECT * FROM {database}.lineage_declared_edges FINAL WHERE Namespace = {{ns:String}};

-- Rows may be there more than once: readers group them, which is cheaper than FINAL.

CREATE OR REPLACE VIEW {database}.read_lineage_run_datasets {on_cluster} AS
SELECT * FROM {database}.lineage_run_datasets WHERE Namespace = {{ns:String}};

-- Rows may be there more than once: readers group them, which is cheaper than FINAL.

CREATE OR REPLACE VIEW {database}.read_lineage_dataset_jobs {on_cluster} AS
SELECT * FROM {database}.lineage_dataset_jobs WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_lineage_run_facets {on_cluster} AS
SELECT * EXCEPT Latest, Latest.1 AS FacetTime, Latest.2 AS Raw FROM {database}.lineage_run_facets FINAL
WHERE Namespace = {{ns:String}} AND NOT JSONExtractBool(Raw, '_deleted');

CREATE OR REPLACE VIEW {database}.read_lineage_job_facets {on_cluster} AS
SELECT * EXCEPT Latest, Latest.1 AS FacetTime, Latest.2 AS Raw FROM {database}.lineage_job_facets FINAL
WHERE Namespace = {{ns:String}} AND NOT JSONExtractBool(Raw, '_deleted');

CREATE OR REPLACE VIEW {database}.read_lineage_dataset_facets {on_cluster} AS
SELECT * EXCEPT Latest, Latest.1 AS FacetTime, Latest.2 AS Raw FROM {database}.lineage_dataset_facets FINAL
WHERE Namespace = {{ns:String}} AND NOT JSONExtractBool(Raw, '_deleted');

CREATE OR REPLACE VIEW {database}.read_lineage_run_dataset_facets {on_cluster} AS
SELECT * EXCEPT Latest, Latest.1 AS FacetTime, Latest.2 AS Raw FROM {database}.lineage_run_dataset_facets FINAL
WHERE Namespace = {{ns:String}} AND NOT JSONExtractBool(Raw, '_deleted');

CREATE OR REPLACE VIEW {database}.read_lineage_symlinks {on_cluster} AS
SELECT DatasetNamespace, DatasetName, alias.namespace AS AliasNamespace, alias.name AS AliasName, alias.type AS AliasType
FROM {database}.lineage_symlinks FINAL
ARRAY JOIN JSONExtract(Latest.2, 'identifiers', 'Array(Tuple(namespace String, name String, type String))') AS alias
WHERE Namespace = {{ns:String}} AND NOT JSONExtractBool(Latest.2, '_deleted');

DROP VIEW IF EXISTS {database}.lineage_events_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_runs_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_jobs_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_datasets_view {on_cluster};
DROP VIEW IF EXISTS {database}.lineage_job_datasets_view {on_cluster};
DROP VIEW IF EXISTS {database}.read_lineage_job_datasets {on_cluster};
DROP TABLE IF EXISTS {database}.lineage_job_datasets {on_cluster};

ALTER TABLE {database}.lineage_jobs {on_cluster}
    DROP COLUMN IF EXISTS Description,
    DROP COLUMN IF EXISTS Location,
    DROP COLUMN IF EXISTS Sql,
    DROP COLUMN IF EXISTS JobType,
    DROP COLUMN IF EXISTS ParentJob;
ALTER TABLE {database}.lineage_datasets {on_cluster}
    DROP COLUMN IF EXISTS Fields,
    DROP COLUMN IF EXISTS Source,
    DROP COLUMN IF EXISTS Description;

-- The model of the events that came before it. It may be repeated: nothing derived depends on repetition.
INSERT INTO {database}.lineage_events_in (namespace, event_id, received_at_ms, retention_days, event)
SELECT Namespace, EventId, toUnixTimestamp64Milli(ReceivedAt), RetentionDays, Event FROM {database}.lineage_events;
