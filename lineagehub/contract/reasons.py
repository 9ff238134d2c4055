"""The closed vocabulary of refusals: one `Reason` is metric label, log field, problem code and dead-letter header alike.

Used by the web (problem documents), the agents (dead letters) and the reports on both. A new member needs a line in
CHANGELOG.md, because clients may switch on it.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused. The first group is the tenant's doing, the second the system's."""

    UNSIGNED = "unsigned"
    BAD_ENVELOPE = "bad_envelope"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_KEY = "unknown_key"
    KEY_REVOKED = "key_revoked"
    BAD_SIGNATURE = "bad_signature"
    NAMESPACE_MISMATCH = "namespace_mismatch"
    CLOCK_SKEW = "clock_skew"
    NULL_VALUE = "null_value"
    TOO_LARGE = "too_large"
    INVALID_JSON = "invalid_json"
    INVALID_UNICODE = "invalid_unicode"
    INVALID_PROTOBUF = "invalid_protobuf"
    TOO_DEEP = "too_deep"
    SCHEMA_INVALID = "schema_invalid"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    ID_CONFLICT = "id_conflict"
    OVER_QUOTA = "over_quota"
    MARQUEZ_UNFIT = "marquez_unfit"

    MARQUEZ_REJECTED = "marquez_rejected"
    STORE_REJECTED = "store_rejected"
    RETRIES_EXHAUSTED = "retries_exhausted"
    REDRIVE_LIMIT = "redrive_limit"
    INTERNAL_ERROR = "internal_error"


SYSTEM_REASONS = frozenset(
    {
        Reason.MARQUEZ_REJECTED,
        Reason.STORE_REJECTED,
        Reason.RETRIES_EXHAUSTED,
        Reason.REDRIVE_LIMIT,
        Reason.INTERNAL_ERROR,
    }
)

UNVERIFIED_REASONS = frozenset(
    {
        Reason.UNSIGNED,
        Reason.BAD_ENVELOPE,
        Reason.UNSUPPORTED_VERSION,
        Reason.UNKNOWN_KEY,
        Reason.KEY_REVOKED,
        Reason.BAD_SIGNATURE,
        Reason.NAMESPACE_MISMATCH,
        Reason.CLOCK_SKEW,
    }
)
"""Nobody proved who wrote the record: its dead letter goes to the operator's lane, never to the claimed tenant's."""
