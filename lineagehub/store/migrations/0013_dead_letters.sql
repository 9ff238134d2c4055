-- Dead letters whole, for as long as their namespace keeps what they should have become, and the decisions on them. A letter that was
-- written twice to Kafka is there once: it is named by where, and when, the broker took the record that died.

CREATE TABLE IF NOT EXISTS {database}.dead_letters_in {on_cluster}
(
    namespace String,
    event_id String,
    topic String,
    partition Int32,
    offset Int64,
    received_at_ms Int64,
    retention_days UInt32,
    letter Tuple(
        reason String,
        detail String,
        agent String,
        topic String,
        partition Int32,
        offset Int64,
        timestamp_ms Int64,
        attempt UInt32,
        has_key UInt32,
        key String,
        is_null UInt32,
        content_kind String,
        value String
    )
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS {database}.dead_letters {on_cluster}
(
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    -- When the broker took the record. A wrong clock's times are drawn to the ends of what nanoseconds since 1970 can say.
    At DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    Topic LowCardinality(String) CODEC(ZSTD(1)),
    Partition Int32 CODEC(ZSTD(1)),
    Offset Int64 CODEC(Delta, ZSTD(1)),
    TimestampMs Int64 CODEC(Delta, ZSTD(1)),
    DiedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    Reason LowCardinality(String) CODEC(ZSTD(1)),
    Detail String CODEC(ZSTD(1)),
    Agent LowCardinality(String) CODEC(ZSTD(1)),
    Attempt UInt8 CODEC(ZSTD(1)),
    EventId String CODEC(ZSTD(1)),
    ContentKind LowCardinality(String) CODEC(ZSTD(1)),
    HasKey UInt8 CODEC(ZSTD(1)),
    Key String CODEC(ZSTD(1)),
    IsNull UInt8 CODEC(ZSTD(1)),
    Size UInt32 CODEC(ZSTD(1)),
    Value String CODEC(ZSTD(1)),
    RetentionDays UInt16 CODEC(ZSTD(1)),
    Id String ALIAS concat(Topic, ':', toString(Partition), ':', toString(Offset), '@', toString(TimestampMs))
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(DiedAt)
ORDER BY (Namespace, At, Topic, Partition, Offset, TimestampMs)
TTL toDateTime(DiedAt) + toIntervalDay(RetentionDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.dead_letters_view {on_cluster} TO {database}.dead_letters AS
SELECT
    namespace AS Namespace,
    fromUnixTimestamp64Milli(least(greatest(letter.timestamp_ms, 0), 9223372036854), 'UTC') AS At,
    letter.topic AS Topic,
    letter.partition AS Partition,
    letter.offset AS Offset,
    letter.timestamp_ms AS TimestampMs,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS DiedAt,
    letter.reason AS Reason,
    letter.detail AS Detail,
    letter.agent AS Agent,
    toUInt8(letter.attempt) AS Attempt,
    event_id AS EventId,
    letter.content_kind AS ContentKind,
    toUInt8(letter.has_key) AS HasKey,
    letter.key AS Key,
    toUInt8(letter.is_null) AS IsNull,
    toUInt32(length(letter.value)) AS Size,
    letter.value AS Value,
    toUInt16(retention_days) AS RetentionDays
FROM {database}.dead_letters_in;

CREATE TABLE IF NOT EXISTS {database}.dead_letter_decisions_in {on_cluster}
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

CREATE TABLE IF NOT EXISTS {database}.dead_letter_decisions {on_cluster}
(
    Namespace LowCardinality(String) CODEC(ZSTD(1)),
    Letter String CODEC(ZSTD(1)),
    Verdict LowCardinality(String) CODEC(ZSTD(1)),
    Run String CODEC(ZSTD(1)),
    -- The order of the log: the broker's time, and the offset among those of one millisecond.
    DecidedAt DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    DecisionOffset Int64 CODEC(ZSTD(1)),
    Actor String CODEC(ZSTD(1)),
    Why String CODEC(ZSTD(1)),
    KeptDays UInt16 CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY (Namespace, Letter, Verdict, Run)
TTL toDateTime(DecidedAt) + toIntervalDay(KeptDays)
SETTINGS {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.dead_letter_decisions_view {on_cluster} TO {database}.dead_letter_decisions AS
SELECT
    namespace AS Namespace,
    arrayJoin(parsed.letters) AS Letter,
    parsed.verdict AS Verdict,
    parsed.run AS Run,
    fromUnixTimestamp64Milli(received_at_ms, 'UTC') AS DecidedAt,
    offset AS DecisionOffset,
    JSONExtractRaw(entry, 'actor') AS Actor,
    parsed.why AS Why,
    toUInt16(retention_days) AS KeptDays
FROM
(
    SELECT *, JSONExtract(entry, 'Tuple(letters Array(String), verdict String, run String, why String)') AS parsed
    FROM {database}.dead_letter_decisions_in
);

CREATE OR REPLACE VIEW {database}.read_dead_letter_decisions {on_cluster} AS
SELECT * FROM {database}.dead_letter_decisions FINAL WHERE Namespace = {{ns:String}};

CREATE OR REPLACE VIEW {database}.read_dead_letters {on_cluster} AS
SELECT
    letters.*,
    letters.Id AS Id,
    toValidUTF8(letters.Key) AS KeyText,
    -- What is dropped stays dropped, and what was re-driven cannot be dropped any more: its letter, if it comes back, is another one.
    multiIf(decisions.Dropped, 'dropped', decisions.Redriven, 'redriven', decisions.Claimed, 'redriving', 'open') AS State,
    decisions.DecidedAt AS DecidedAt,
    decisions.Actor AS Actor,
    decisions.Why AS Why
FROM
(
    SELECT *, Id FROM {database}.dead_letters FINAL WHERE Namespace = {{ns:String}}
) AS letters
LEFT JOIN
(
    SELECT
        Letter,
        max(Verdict = 'dropped') AS Dropped,
        max(Verdict = 'redriven') AS Redriven,
        max(Verdict = 'claimed') AS Claimed,
        max(dead_letter_decisions.DecidedAt) AS DecidedAt,
        argMax(dead_letter_decisions.Actor, dead_letter_decisions.DecidedAt) AS Actor,
        argMax(dead_letter_decisions.Why, dead_letter_decisions.DecidedAt) AS Why
    FROM {database}.dead_letter_decisions
    WHERE Namespace = {{ns:String}}
    GROUP BY Letter
) AS decisions ON letters.Id = decisions.Letter;

ALTER TABLE {database}.read_dead_letters {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE {database}.read_dead_letter_decisions {on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
