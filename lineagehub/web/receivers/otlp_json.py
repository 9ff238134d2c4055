"""OTLP/JSON to protobuf bytes, driven by the descriptors of opentelemetry-proto: one encoder for every signal.

Differs from protobuf's own JSON mapping as the OTLP specification demands: ids are hexadecimal in either case (that
mapping would take them for base64 and give wrong bytes without an error), unknown members are ignored. Lenient as the
Collector is: enums by number or by name, 64-bit integers as text or number. The snake_case spelling of a known field is
refused: ignoring it, as an unknown one, would accept a request and store nothing. About a fifth of the time of
protobuf's json_format (118 us a span).

An item (span, log record, data point) that does not fit never fails its neighbours: `leave_out_misfits` takes it out.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from lineagehub.contract.lineage import Fault
from lineagehub.web.rpc_status import encode_varint

IDENTIFIERS = frozenset({"trace_id", "span_id", "parent_span_id"})
ITEMS = frozenset({"spans", "logRecords", "dataPoints"})
_TO_ITEMS = ITEMS | {
    *("resourceSpans", "scopeSpans", "resourceLogs", "scopeLogs", "resourceMetrics", "scopeMetrics", "metrics"),
    *("gauge", "sum", "histogram", "exponentialHistogram", "summary"),
}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

EncodeValue = Callable[[Any], bytes]


class JsonMismatch(ValueError):
    """A JSON value does not fit its field. `tokens` lead to it, outermost first."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.tokens: list[str] = []

    @property
    def pointer(self) -> str:
        """Where, as a JSON pointer."""
        return "".join(f"/{token}" for token in self.tokens)


class Misspelt(JsonMismatch):
    """A field in snake_case. Its producer writes every item so, hence the request is refused whole."""


class MessageEncoder:
    """Encodes JSON objects as one message type. Made once for each type; see `encoder_of`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._fields: dict[str, Callable[[Any], bytes]] = {}
        self._misspelt: dict[str, str] = {}
        self.messages: dict[str, MessageEncoder] = {}

    def add(self, descriptor: FieldDescriptor, encode: Callable[[Any], bytes], message: MessageEncoder | None) -> None:
        """Add a field; `message` encodes its values if they are messages."""
        self._fields[descriptor.json_name] = encode
        if message is not None:
            self.messages[descriptor.json_name] = message
        if descriptor.name != descriptor.json_name:
            self._misspelt[descriptor.name] = descriptor.json_name

    def encode(self, document: Any) -> bytes:
        """Return the message's bytes. Raises JsonMismatch."""
        if not isinstance(document, dict):
            raise JsonMismatch(f"must be an object, not {_kind(document)}")
        encoded: list[bytes] = []
        for name, value in document.items():
            encode = self._fields.get(name)
            if encode is None:
                if name in self._misspelt:
                    raise Misspelt(f"has the member {name}; OTLP/JSON spells it {self._misspelt[name]}")
                continue
            if value is None:
                continue
            try:
                encoded.append(encode(value))
            except JsonMismatch as mismatch:
                mismatch.tokens.insert(0, name)
                raise
        return b"".join(encoded)


def encoder_of(descriptor: Descriptor, known: dict[str, MessageEncoder] | None = None) -> MessageEncoder:
    """Return the encoder of a message type and, by it, of all that it holds (AnyValue holds itself).

    Keep it: making it is slow.
    """
    known = {} if known is None else known
    encoder = known.get(descriptor.full_name)
    if encoder is None:
        known[descriptor.full_name] = encoder = MessageEncoder(descriptor.name)
        for field in descriptor.fields:
            encode = _field_encoder(field, known)
            encoder.add(field, encode, known[field.message_type.full_name] if field.message_type else None)
    return encoder


def leave_out_misfits(document: Any, encoder: MessageEncoder) -> Counter[Fault]:
    """Take the items that cannot be encoded out of a request's document; return why, counted.

    Encodes every item once more, so it is for requests that did not encode. Raises Misspelt.
    """
    faults: Counter[Fault] = Counter()
    for name in document.keys() & _TO_ITEMS if isinstance(document, dict) else ():
        inner, value = encoder.messages.get(name), document[name]
        if inner is None:
            continue
        if name in ITEMS and isinstance(value, list):
            document[name] = [item for item in value if _fits(item, inner, faults)]
        else:
            for child in value if isinstance(value, list) else [value]:
                faults += leave_out_misfits(child, inner)
    return faults


def _fits(item: Any, encoder: MessageEncoder, faults: Counter[Fault]) -> bool:
    try:
        encoder.encode(item)
    except Misspelt:
        raise
    except JsonMismatch as mismatch:
        where = f"a value at {mismatch.pointer[1:]}" if mismatch.tokens else "JSON"
        faults[Fault(mismatch.pointer, f"{where} that {mismatch}")] += 1
        return False
    return True


def _field_encoder(field: FieldDescriptor, known: dict[str, MessageEncoder]) -> Callable[[Any], bytes]:
    wire_type, encode = _value_encoder(field, known)
    tag = encode_varint(field.number << 3 | wire_type)
    if not field.is_repeated:
        if wire_type == _LENGTH:
            return lambda value: _prefixed(tag, encode(value))
        return lambda value: tag + encode(value)
    if wire_type == _LENGTH:
        return lambda values: b"".join([_prefixed(tag, item) for item in _encode_items(values, encode)])
    packed_tag = encode_varint(field.number << 3 | _LENGTH)
    return lambda values: _prefixed(packed_tag, b"".join(_encode_items(values, encode)))


def _prefixed(tag: bytes, value: bytes) -> bytes:
    size = len(value)
    return tag + (bytes((size,)) if size < 0x80 else encode_varint(size)) + value


def _encode_items(values: Any, encode: EncodeValue) -> list[bytes]:
    if not isinstance(values, list):
        raise JsonMismatch(f"must be an array, not {_kind(values)}")
    encoded: list[bytes] = []
    for index, value in enumerate(values):
        try:
            encoded.append(encode(value))
        except JsonMismatch as mismatch:
            mismatch.tokens.insert(0, str(index))
            raise
    return encoded


def _value_encoder(field: FieldDescriptor, known: dict[str, MessageEncoder]) -> tuple[int, EncodeValue]:
    """Return (wire type, encoder of one value)."""
    kind = field.type
    if field.message_type is not None:
        return _LENGTH, encoder_of(field.message_type, known).encode
    if kind == FieldDescriptor.TYPE_BYTES:
        return _LENGTH, _hexadecimal if field.name in IDENTIFIERS else _base64
    if field.enum_type is not None:
        numbers = {value.name: value.number for value in field.enum_type.values}
        return _VARINT, lambda value: _int32_varint(numbers.get(value, value) if isinstance(value, str) else value)
    try:
        return _SCALARS[kind]
    except KeyError as error:
        raise NotImplementedError(f"{field.full_name} has a type that OTLP did not use so far.") from error


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise JsonMismatch(f"must be text, not {_kind(value)}")
    return value.encode()


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise JsonMismatch(f"must be true or false, not {_kind(value)}")
    return b"\x01" if value else b"\x00"


def _hexadecimal(value: Any) -> bytes:
    try:
        return binascii.unhexlify(value)
    except (ValueError, TypeError) as error:
        raise JsonMismatch(f"must be hexadecimal digits, two a byte, not {_shown(value)}") from error


def _base64(value: Any) -> bytes:
    try:
        text = value.replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise JsonMismatch(f"must be base64, not {_shown(value)}") from error


def _integer(value: Any, lowest: int, highest: int) -> int:
    number = value
    try:
        if isinstance(value, str):
            number = int(value) if value.lstrip("-").isascii() and value.lstrip("-").isdigit() else None
        elif isinstance(value, float):
            number = int(value) if value.is_integer() else None
    except ValueError:
        number = None
    if type(number) is not int or not lowest <= number <= highest:
        raise JsonMismatch(f"must be a whole number from {lowest} to {highest}, not {_shown(value)}")
    return number


def _int32_varint(value: Any) -> bytes:
    return encode_varint(_integer(value, -(2**31), 2**31 - 1) & 0xFFFF_FFFF_FFFF_FFFF)


def _int64_varint(value: Any) -> bytes:
    return encode_varint(_integer(value, -(2**63), 2**63 - 1) & 0xFFFF_FFFF_FFFF_FFFF)


def _sint32_varint(value: Any) -> bytes:
    number = _integer(value, -(2**31), 2**31 - 1)
    return encode_varint((number << 1) ^ (number >> 31))


def _floating(value: Any) -> float:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    elif type(value) in (int, float):
        return float(value)
    raise JsonMismatch(f"must be a number, not {_shown(value)}")


_SCALARS: dict[int, tuple[int, EncodeValue]] = {
    FieldDescriptor.TYPE_STRING: (_LENGTH, _text),
    FieldDescriptor.TYPE_BOOL: (_VARINT, _boolean),
    FieldDescriptor.TYPE_INT32: (_VARINT, _int32_varint),
    FieldDescriptor.TYPE_INT64: (_VARINT, _int64_varint),
    FieldDescriptor.TYPE_SINT32: (_VARINT, _sint32_varint),
    FieldDescriptor.TYPE_UINT32: (_VARINT, lambda value: encode_varint(_integer(value, 0, 2**32 - 1))),
    FieldDescriptor.TYPE_UINT64: (_VARINT, lambda value: encode_varint(_integer(value, 0, 2**64 - 1))),
    FieldDescriptor.TYPE_FIXED32: (_FIXED32, lambda value: struct.pack("<I", _integer(value, 0, 2**32 - 1))),
    FieldDescriptor.TYPE_FIXED64: (_FIXED64, lambda value: struct.pack("<Q", _integer(value, 0, 2**64 - 1))),
    FieldDescriptor.TYPE_SFIXED64: (_FIXED64, lambda value: struct.pack("<q", _integer(value, -(2**63), 2**63 - 1))),
    FieldDescriptor.TYPE_DOUBLE: (_FIXED64, lambda value: struct.pack("<d", _floating(value))),
}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _shown(value: Any) -> str:
    return repr(value[:40]) if isinstance(value, str) else _kind(value)
