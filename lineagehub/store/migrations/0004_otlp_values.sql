-- OTLP values come as the bytes of their AnyValue and become text here: half of what an insert cost went into parsing and rendering a tree of
-- typed columns for every attribute (8.5 against 4.5 CPU us a span of 8 attributes). Scalars are all that SQL decodes; the agent has put
-- JSON text in the place of maps and arrays, for those few records that have any (processors/_attribute_trees.py).
-- tupleElement and not a dot, because a function's argument may itself be an expression. ClickHouse writes these functions into each view
-- when the view is made. They belong to the whole server, and so to every database on it: one that changes gets a new name.

DROP VIEW IF EXISTS {database}.otel_traces_view {on_cluster};

DROP TABLE IF EXISTS {database}.otlp_traces_in {on_cluster};

-- What follows tag and length of a length-delimited field that is the whole value; its size tells how many bytes the length has.
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_bytes {on_cluster} AS (value) ->
    substring(value, multiIf(length(value) < 130, 3, length(value) < 16387, 4, length(value) < 2097156, 5, 6));

-- The varint behind a tag of one byte: seven bits a byte, lowest first; eight bytes in one number, the last two in another.
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_integer {on_cluster} AS (value) ->
    reinterpretAsInt64(
        bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F00), 1)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F0000), 2)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F000000), 3)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F00000000), 4)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F0000000000), 5)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F000000000000), 6)
        + bitShiftRight(bitAnd(reinterpretAsUInt64(substring(value, 2, 8)), 0x7F00000000000000), 7)
        + bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(value, 10, 2)), 0x7F), 56)
        + bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(value, 10, 2)), 0x100), 55));

-- As Go prints it: 1e+21, and NaN and +Inf by name.
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_number {on_cluster} AS (number) ->
    multiIf(isNaN(number), 'NaN', isInfinite(number), if(number > 0, '+Inf', '-Inf'), replaceRegexpOne(toString(number), 'e(\\d)', 'e+\\1'));

-- An AnyValue as the Collector's exporter writes it (pdata's AsString): bytes as base64, bool as true and false.
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_text {on_cluster} AS (value) ->
    multiIf(
        startsWith(value, '\x0A'), lineagehub_otlp_bytes(value),
        startsWith(value, '\x18'), toString(lineagehub_otlp_integer(value)),
        startsWith(value, '\x10'), if(endsWith(value, '\x01'), 'true', 'false'),
        startsWith(value, '\x21'), lineagehub_otlp_number(reinterpretAsFloat64(substring(value, 2, 8))),
        startsWith(value, '\x3A'), base64Encode(lineagehub_otlp_bytes(value)),
        ''
    );

CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_attributes {on_cluster} AS (attributes) ->
    mapFromArrays(tupleElement(attributes, 'key'), arrayMap(value -> lineagehub_otlp_text(value), tupleElement(attributes, 'value')))
    ::Map(LowCardinality(String), String);

-- An id that is all zeros is none.
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_id {on_cluster} AS (id) ->
    if(id IN ('\0\0\0\0\0\0\0\0', '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'), '', lower(hex(id)));

-- Later than 11 April 2262 is that day: the end of DateTime64(9).
CREATE FUNCTION IF NOT EXISTS lineagehub_otlp_time {on_cluster} AS (nanoseconds) ->
    fromUnixTimestamp64Nano(toInt64(least(nanoseconds, 9223372036854775807)));

-- The run of an item: its own attribute, else its resource's.
CREATE FUNCTION IF NOT EXISTS lineagehub_run_id {on_cluster} AS (attributes, resource_attributes) ->
    lower(if(attributes['lineage.run_id'] != '', attributes['lineage.run_id'], resource_attributes['lineage.run_id']));

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
        resource Tuple(attributes Array(Tuple(key String, value String))),
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
                attributes Array(Tuple(key String, value String)),
                events Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value String)))),
                links Array(Tuple(
                    trace_id String, span_id String, trace_state String, attributes Array(Tuple(key String, value String)))),
                status Tuple(message String, code Int32)
            ))
        ))
    )))
)
ENGINE = Null;

ALTER TABLE {database}.otel_traces {on_cluster}
    ADD COLUMN IF NOT EXISTS RunId String DEFAULT lineagehub_run_id(SpanAttributes, ResourceAttributes) CODEC(ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_run_id RunId TYPE bloom_filter(0.01) GRANULARITY 1;

-- What resource and scope give is made once for each of them, before the join that repeats it for every span.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.otel_traces_view {on_cluster} TO {database}.otel_traces AS
SELECT
    lineagehub_otlp_time(span.start_time_unix_nano) AS Timestamp,
    lineagehub_otlp_id(span.trace_id) AS TraceId,
    lineagehub_otlp_id(span.span_id) AS SpanId,
    lineagehub_otlp_id(span.parent_span_id) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][if(span.kind BETWEEN 0 AND 5, span.kind, 0) + 1] AS SpanKind,
    ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    lineagehub_otlp_attributes(span.attributes) AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    ['Unset', 'Ok', 'Error'][if(span.status.code BETWEEN 0 AND 2, span.status.code, 0) + 1] AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(event -> lineagehub_otlp_time(event.time_unix_nano), span.events) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(event -> lineagehub_otlp_attributes(event.attributes), span.events) AS `Events.Attributes`,
    arrayMap(link -> lineagehub_otlp_id(link.trace_id), span.links) AS `Links.TraceId`,
    arrayMap(link -> lineagehub_otlp_id(link.span_id), span.links) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(link -> lineagehub_otlp_attributes(link.attributes), span.links) AS `Links.Attributes`,
    Namespace,
    ReceivedAt,
    RetentionDays,
    lineagehub_run_id(SpanAttributes, ResourceAttributes) AS RunId
FROM
(
    SELECT
        Namespace, ReceivedAt, RetentionDays, ResourceAttributes, ServiceName,
        scope.scope.name AS ScopeName, scope.scope.version AS ScopeVersion, scope.spans AS spans
    FROM
    (
        SELECT
            namespace AS Namespace,
            fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS ReceivedAt,
            toUInt16(retention_days) AS RetentionDays,
            lineagehub_otlp_attributes(resource.resource.attributes) AS ResourceAttributes,
            ResourceAttributes['service.name'] AS ServiceName,
            resource.scope_spans AS scopes
        FROM {database}.otlp_traces_in
        ARRAY JOIN request.resource_spans AS resource
    )
    ARRAY JOIN scopes AS scope
)
ARRAY JOIN spans AS span;

CREATE VIEW IF NOT EXISTS {database}.read_trace_times {on_cluster} AS
SELECT * FROM {database}.otel_traces_trace_id_ts WHERE Namespace = {{ns:String}};
