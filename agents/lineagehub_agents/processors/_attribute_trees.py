"""Maps and arrays among attribute values and log bodies become JSON text, as the Collector's exporter renders them. Used by telemetry.py.

ClickHouse decodes scalars (migrations/0004_otlp_values.sql); a tree of any depth is rendered here, for the records that hold one, and only
the places of a record that hold one are walked. Where the exporter gives up on a number that JSON does not know, it is its name as text.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from lineagehub.otlp.outline import TREES, Place

# Go's encoder does not let text end a script element or a line of JavaScript.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def render_trees(request: Message, places: Iterable[Place]) -> int:
    """Put JSON text in the place of every map and array at `places`; return how many there were. Some 0.3 us a value."""
    rendered = 0
    for place in places:
        for value in _values_at(request, place):
            if value.WhichOneof("value") in TREES:
                value.string_value = _json(value)
                rendered += 1
    return rendered


def _values_at(message: Any, place: Place) -> Iterator[Any]:
    name, *rest = place
    field = message.DESCRIPTOR.fields_by_name[name]
    found = getattr(message, name)
    children = found if field.is_repeated else [found] if message.HasField(name) else []
    if not rest:
        yield from children
        return
    for child in children:
        yield from _values_at(child, tuple(rest))


def _json(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return f"[{','.join(map(_json, value.array_value.values))}]"
    if kind == "kvlist_value":
        # Of a repeated key the last value stays, as in the Collector's map.
        members = {pair.key: pair.value for pair in value.kvlist_value.values}
        return f"{{{','.join(f'{_text(key)}:{_json(members[key])}' for key in sorted(members))}}}"
    if kind == "string_value":
        return _text(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return _number(value.double_value)
    if kind == "bytes_value":
        return f'"{base64.b64encode(value.bytes_value).decode()}"'
    return "null"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPES)


def _number(number: float) -> str:
    """As Go's encoder: digits without an exponent from 1e-6 up to 1e21, the shortest that come back as the same number."""
    if math.isnan(number):
        return '"NaN"'
    if math.isinf(number):
        return '"+Inf"' if number > 0 else '"-Inf"'
    shortest = repr(number)
    if number != 0 and not 1e-6 <= abs(number) < 1e21:
        mantissa, exponent = shortest.split("e")
        return f"{mantissa}e{int(exponent):+d}"
    return format(Decimal(shortest), "f").removesuffix(".0")
