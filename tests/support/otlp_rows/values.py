"""Values as text, as pdata's AsString gives them: maps and arrays as Go's JSON, bytes as base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

RUN_ATTRIBUTE = "lineage.run_id"


def attribute_texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Return the map of an attribute column."""
    return {pair.key: value_text(pair.value) for pair in attributes}


def run_id(attributes: dict[str, str], resource: dict[str, str]) -> str:
    """Return the run of an item."""
    return (attributes.get(RUN_ATTRIBUTE) or resource.get(RUN_ATTRIBUTE, "")).lower()


def hexadecimal(identifier: bytes) -> str:
    """Return an id as text; all zeros are none."""
    return identifier.hex() if any(identifier) else ""


def value_text(value: AnyValue) -> str:
    """Return a value as text."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "string_value":
        return value.string_value
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _double(value.double_value)
    if kind == "int_value":
        return str(value.int_value)
    text = json.dumps(_plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _double(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e21 else repr(number)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        number = value.double_value
        return int(number) if number == int(number) else number
    return None if kind is None else getattr(value, kind)
