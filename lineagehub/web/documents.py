"""Strict JSON: RFC 8259 and nothing else, bounded in depth and size, and no key with two values.

What one parser takes and another refuses, or reads differently, must not come in: the same bytes go on to Kafka,
ClickHouse and Marquez. orjson refuses NaN, lone surrogates, a byte order mark and numbers beyond a double; the rest is
checked here.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import orjson

from lineagehub.contract.json_objects import TwoValues, refuse_two_values
from lineagehub.contract.lineage import Fault
from lineagehub.web.problems import (
    DUPLICATE_KEY,
    EVENT_TOO_COMPLEX,
    INVALID_JSON,
    INVALID_UNICODE,
    SCHEMA_INVALID,
    TOO_DEEP,
    Refused,
)

T = TypeVar("T")

MAXIMUM_DEPTH = 64
MAXIMUM_VALUES = 500_000
MAXIMUM_KEYS = 10_000
"""Of one object. The widest known event has 5,000 columns in a facet."""


def parse_json(body: bytes) -> Any:
    """Return the decoded document, or refuse: not JSON, deeper than 64 levels, too many values, or a key with two values.

    Some 40 us for 3 kB; run it off the event loop for large bodies.
    """
    document = decode_json(body, MAXIMUM_VALUES)
    keys, colons = _walk(document)
    # Each colon of the text stands after a key or inside a string. Of a repeated key, decoding keeps one: then some are
    # missing. An escaped colon would spoil the count, so such a text is always read again.
    if body.count(b":") != keys + colons or b"\\u003a" in body or b"\\u003A" in body:
        try:
            refuse_two_values(body)
        except TwoValues as error:
            raise Refused(DUPLICATE_KEY, str(error)) from error
    return document


def decode_json(body: bytes, maximum_values: int) -> Any:
    """Return the decoded document, of a repeated key the last value; or refuse what is not JSON or holds too many values.

    For documents that are read into something else at once; what is passed on as it came needs `parse_json`.
    """
    # Cheaper than decoding a million empty arrays: a value needs a comma before it, or a bracket around it.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > 2 * maximum_values:
        raise _too_complex(f"more than {maximum_values} values")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _not_json(error) from error


def decode_as(body: bytes, decoder: msgspec.json.Decoder[T], what: str, shape: str = "") -> T:
    """Return the body as the decoder's type, or refuse: not JSON, or a fault, with its JSON pointer.

    `what` begins the refusal, `shape` ends it. Less strict than `parse_json`: `Raw` members are not looked into.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        pointer = path.strip("`").removeprefix("$").replace(".", "/").replace("[", "/").replace("]", "")
        detail = f"{what} is wrong{' at ' + pointer if pointer else ''}: {message}.{' ' + shape if shape else ''}"
        raise Refused(SCHEMA_INVALID, detail, [Fault(pointer, f"{message}.")]) from error
    except msgspec.DecodeError as error:
        raise Refused(INVALID_JSON, f"The body is not JSON: {error}.") from error
    except UnicodeDecodeError as error:
        raise Refused(INVALID_JSON, "The body is not UTF-8.") from error
    except RecursionError as error:
        raise Refused(TOO_DEEP, "The JSON is nested too deeply.") from error


def _walk(document: Any) -> tuple[int, int]:
    """Return how many keys the document has and how many colons its strings hold.

    Level by level: nesting costs no stack.
    """
    keys = values = 0
    colons = document.count(":") if isinstance(document, str) else 0
    level = [document] if isinstance(document, (dict, list)) else []
    depth = 0
    while level:
        depth += 1
        if depth > MAXIMUM_DEPTH:
            raise Refused(TOO_DEEP, f"The JSON is nested more than {MAXIMUM_DEPTH} levels deep; flatten it.")
        inner: list[Any] = []
        for container in level:
            values += len(container)
            if isinstance(container, dict):
                keys += len(container)
                if len(container) > MAXIMUM_KEYS:
                    raise _too_complex(f"more than {MAXIMUM_KEYS} keys in one object")
                for key in container:
                    colons += key.count(":")
                members: Any = container.values()
            else:
                members = container
            for member in members:
                kind = type(member)
                if kind is str:
                    colons += member.count(":")
                elif kind is dict or kind is list:
                    inner.append(member)
        if values > MAXIMUM_VALUES:
            raise _too_complex(f"more than {MAXIMUM_VALUES} values")
        level = inner
    return keys, colons


def _not_json(error: orjson.JSONDecodeError) -> Refused:
    message = str(error)
    if "surrogate" in message or "UTF-8" in message:
        return Refused(INVALID_UNICODE, f"The body is not valid UTF-8 JSON: {message}.")
    if "depth limit" in message:
        return Refused(TOO_DEEP, f"The JSON is nested more than {MAXIMUM_DEPTH} levels deep; flatten it.")
    return Refused(INVALID_JSON, f"The body is not JSON: {message}.")


def _too_complex(what: str) -> Refused:
    return Refused(EVENT_TOO_COMPLEX, f"The JSON holds {what}; send less at once.")
