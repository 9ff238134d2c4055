"""The requests of Kafka's protocol that administration.py sends and aiokafka has not, or only for one item at a time.

Numbers and layouts are those of the protocol guide (kafka.apache.org/protocol): ACLs (KIP-290), client quotas (KIP-546),
SCRAM credentials (KIP-554). Kafka 3 and 4 know these versions.
"""

from __future__ import annotations

from typing import Any

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.admin import (
    CreateAclsRequest_v1,
    DeleteAclsRequest_v1,
    DescribeAclsRequest_v1,
    DescribeClientQuotasRequest_v0,
)
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactBytes,
    CompactString,
    Float64,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)


class OneVersion:
    """Stands in for aiokafka's Request: sends a structure of one version, if the broker knows it."""

    def __init__(self, structure: RequestStruct) -> None:
        self._structure = structure

    def prepare(self, versions: dict[int, tuple[int, int]]) -> RequestStruct:
        """Called by aiokafka's connection, with what the broker knows."""
        wanted = self._structure.API_VERSION
        least, most = versions.get(self._structure.API_KEY, (wanted + 1, wanted))
        if not least <= wanted <= most:
            raise IncompatibleBrokerVersion(f"it does not know {type(self._structure).__name__}")
        return self._structure


def _request(name: str, api_key: int, *, flexible: bool, request: Schema, response: Schema) -> Any:
    """Return the class of a request of version 0, as aiokafka writes its own."""
    common = {"API_KEY": api_key, "API_VERSION": 0}
    answer = type(f"{name}Response", (Response,), {**common, "SCHEMA": response})
    members = {**common, "RESPONSE_TYPE": answer, "SCHEMA": request, "FLEXIBLE_VERSION": flexible}
    return type(f"{name}Request", (RequestStruct,), members)


_TEXT = String("utf-8")
_SHORT_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)
_ENTITY = ("entity", Array(("entity_type", _TEXT), ("entity_name", _TEXT)))

AlterClientQuotasRequest = _request(
    "AlterClientQuotas",
    49,
    flexible=False,
    request=Schema(
        ("entries", Array(_ENTITY, ("ops", Array(("key", _TEXT), ("value", Float64), ("remove", Boolean))))),
        ("validate_only", Boolean),
    ),
    response=Schema(
        ("throttle_time_ms", Int32),
        ("entries", Array(("error_code", Int16), ("error_message", _TEXT), _ENTITY)),
    ),
)

DescribeUserScramCredentialsRequest = _request(
    "DescribeUserScramCredentials",
    50,
    flexible=True,
    request=Schema(("users", CompactArray(("name", _SHORT_TEXT), _TAGS)), _TAGS),
    response=Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", _SHORT_TEXT),
        (
            "results",
            CompactArray(
                ("user", _SHORT_TEXT),
                ("error_code", Int16),
                ("error_message", _SHORT_TEXT),
                ("credentials", CompactArray(("mechanism", Int8), ("iterations", Int32), _TAGS)),
                _TAGS,
            ),
        ),
        _TAGS,
    ),
)

AlterUserScramCredentialsRequest = _request(
    "AlterUserScramCredentials",
    51,
    flexible=True,
    request=Schema(
        ("deletions", CompactArray(("name", _SHORT_TEXT), ("mechanism", Int8), _TAGS)),
        (
            "upsertions",
            CompactArray(
                ("name", _SHORT_TEXT),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                _TAGS,
            ),
        ),
        _TAGS,
    ),
    response=Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(("user", _SHORT_TEXT), ("error_code", Int16), ("error_message", _SHORT_TEXT), _TAGS),
        ),
        _TAGS,
    ),
)

__all__ = [
    "AlterClientQuotasRequest",
    "AlterUserScramCredentialsRequest",
    "CreateAclsRequest_v1",
    "DeleteAclsRequest_v1",
    "DescribeAclsRequest_v1",
    "DescribeClientQuotasRequest_v0",
    "DescribeUserScramCredentialsRequest",
    "OneVersion",
]
