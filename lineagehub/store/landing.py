"""Landing tables: where agents insert, and how one Kafka record becomes one row of them without being taken apart.

A row is an `Envelope` of schemas/*.proto, made by concatenating a few small fields and the record's value as it is; ClickHouse parses
and flattens it (3.3-4.5 CPU us a span, where Python alone needs 10-15, clickhouse-protobuf.md). To add one: a .proto, a migration with
the table and its views, a constant here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from lineagehub.contract.dead_letter import DeadLetter

_NAMESPACE, _EVENT_ID, _TOPIC, _PARTITION, _OFFSET, _RECEIVED_AT, _RETENTION, _QUARANTINED, _VALUE = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    15,
)
_VARINT, _BYTES = 0, 2


@dataclass(frozen=True, slots=True)
class LandingTable:
    """A Null table with views behind it; `schema` is the text of its .proto files."""

    name: str
    schema: str


def _landing_table(name: str, *schema_files: str) -> LandingTable:
    schemas = files("lineagehub.store") / "schemas"
    return LandingTable(name, "\n".join((schemas / file).read_text() for file in schema_files))


LINEAGE_EVENTS_IN = _landing_table("lineage_events_in", "lineage_event.proto")
"""Events whole: their bytes, and what is derived from them."""
LINEAGE_RAW_IN = _landing_table("lineage_raw_in", "lineage_event.proto")
"""Events, their bytes only."""
LINEAGE_MODEL_IN = _landing_table("lineage_model_in", "lineage_event.proto")
"""What is derived from events only. Repeating it changes nothing, and each insert costs 0.2 CPU s: many events at once, no token."""
AUDIT_IN = _landing_table("audit_in", "audit_entry.proto")
DEAD_LETTERS_IN = _landing_table("dead_letters_in", "dead_letter.proto")
DEAD_LETTER_DECISIONS_IN = _landing_table("dead_letter_decisions_in", "audit_entry.proto")
OTLP_TRACES_IN = _landing_table("otlp_traces_in", "otlp_envelope.proto", "otlp_traces.proto")
OTLP_METRICS_IN = _landing_table("otlp_metrics_in", "otlp_envelope.proto", "otlp_metrics.proto")
OTLP_LOGS_IN = _landing_table("otlp_logs_in", "otlp_envelope.proto", "otlp_logs.proto")


def insert_settings(table: LandingTable, token: str | None) -> dict[str, str]:
    """Return the settings of an insert into `table` under a deduplication token; None where repeating it is harmless.

    The token works table by table behind the views, and only when the same bytes make the same blocks: so parsing and inserting have one
    thread, and a batch is one block. ClickHouse 26.9 inserts asynchronously by default, which knows no tokens.
    """
    settings = {
        "format_schema_source": "string",
        "format_schema": table.schema,
        "format_schema_message_name": "Envelope",
        "input_format_parallel_parsing": "0",
        "max_insert_threads": "1",
        "async_insert": "0",
    }
    if token is None:
        return settings | {"insert_deduplicate": "0", "deduplicate_blocks_in_dependent_materialized_views": "0"}
    return settings | {
        "insert_deduplicate": "1",
        "insert_deduplication_token": token,
        "deduplicate_blocks_in_dependent_materialized_views": "1",
    }


def encode_record(
    *,
    namespace: str,
    event_id: str,
    topic: str,
    partition: int,
    offset: int,
    received_at_ms: int,
    retention_days: int,
    value: bytes,
    quarantined_facets: Sequence[str] = (),
) -> bytes:
    """Return one row: a length-prefixed Envelope. `value` is the record's, untouched; times are milliseconds since the epoch.

    `quarantined_facets`: JSON pointers into a lineage event; nothing else has any.
    """
    envelope = b"".join(
        (
            _bytes_field(_NAMESPACE, namespace.encode()),
            _bytes_field(_EVENT_ID, event_id.encode()),
            _bytes_field(_TOPIC, topic.encode()),
            _number_field(_PARTITION, partition),
            _number_field(_OFFSET, offset),
            _number_field(_RECEIVED_AT, received_at_ms),
            _number_field(_RETENTION, retention_days),
            *(_bytes_field(_QUARANTINED, pointer.encode()) for pointer in quarantined_facets),
            _bytes_field(_VALUE, value),
        )
    )
    return _varint(len(envelope)) + envelope


def encode_dead_letter(letter: DeadLetter, content_kind: str, value: bytes) -> bytes:
    """Return what stands for the value in a row of `dead_letters_in`: the Letter of dead_letter.proto."""
    return b"".join(
        (
            _bytes_field(1, letter.reason.value.encode()),
            _bytes_field(2, letter.detail.encode()),
            _bytes_field(3, letter.agent.encode()),
            _bytes_field(4, letter.topic.encode()),
            _number_field(5, letter.partition),
            _number_field(6, letter.offset),
            _number_field(7, letter.timestamp_ms),
            _number_field(8, letter.attempt),
            _number_field(9, letter.key is not None),
            _bytes_field(10, letter.key or b""),
            _number_field(11, letter.is_null),
            _bytes_field(12, content_kind.encode()),
            _bytes_field(13, value),
        )
    )


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _number_field(number: int, value: int) -> bytes:
    # A negative number is its two's complement in 64 bits.
    return _varint(number << 3 | _VARINT) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
