"""What ClickHouse's error codes mean for whoever sent the statement: again later, never with these data, never so much at
once, or the system is wrong.

Numbers and names are ClickHouse's own (ErrorCodes.cpp). A code that is not listed is the system's fault, too: the caller stops, and
nothing is dead-lettered for it.
"""

from __future__ import annotations

from lineagehub.contract.reasons import Reason
from lineagehub.errors import LineageHubError, Permanent, Retryable

TRANSIENT = {
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    999: "KEEPER_EXCEPTION",
}

DATA_FAULTS = {
    6: "CANNOT_PARSE_TEXT",
    25: "CANNOT_PARSE_ESCAPE_SEQUENCE",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    33: "CANNOT_READ_ALL_DATA",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    69: "ARGUMENT_OUT_OF_BOUND",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    131: "TOO_LARGE_STRING_SIZE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    407: "DECIMAL_OVERFLOW",
    436: "PROTOBUF_FIELD_NOT_REPEATED",
    444: "UNKNOWN_PROTOBUF_FORMAT",
    457: "BAD_QUERY_PARAMETER",
}


TOO_BIG = {
    158: "TOO_MANY_ROWS",
    307: "TOO_MANY_BYTES",
    396: "TOO_MANY_ROWS_OR_BYTES",
}


class QueryTooBig(LineageHubError):
    """A read goes beyond what the reader's profile allows (max_rows_to_read, max_result_rows): ask for less at once."""


class SchemaMismatch(LineageHubError):
    """ClickHouse has not the schema, or not the version, that this hub expects: stop, migrate, and nothing is lost."""


def error_of(code: int, text: str) -> LineageHubError:
    """Return the error that stands for ClickHouse's `code`; `text` is its message, cut to what a person reads."""
    message = f"ClickHouse: {' '.join(text.split())[:500]}"
    if code in TRANSIENT:
        return Retryable(message, 1.0)
    if code in DATA_FAULTS:
        return Permanent(Reason.STORE_REJECTED, message)
    if code in TOO_BIG:
        return QueryTooBig(message)
    return SchemaMismatch(message)
