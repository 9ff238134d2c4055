"""Splits an OTLP request into records that Kafka takes, by resource, then scope, then item. Works on the bytes alone.

The three signals have the same shape (opentelemetry-proto): request {1: resources}, resource {1: resource, 2: scopes,
3: schema URL}, scope {1: scope, 2: items, 3: schema URL}. So no message is decoded: 64 MiB of hostile two-byte messages
would become gigabytes of objects (measured: 4 MB become 361 MiB). Other fields of resources and scopes, known or not,
are kept in every part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lineagehub.web.problems import EVENT_TOO_COMPLEX, INVALID_PROTOBUF, Refused
from lineagehub.web.rpc_status import encode_varint

MAXIMUM_ITEMS = 500_000
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_RESOURCES, _SCOPES, _ITEMS = 1, 2, 2


@dataclass
class Split:
    """The parts, each a whole request, and how many items were too large for any."""

    parts: list[bytes] = field(default_factory=list)
    oversized: int = 0


def split_request(body: bytes, maximum_bytes: int) -> Split:
    """Return the request as parts of at most `maximum_bytes`, in its order.

    Deterministic: a repeat makes the same parts. Refuses bytes that are no message, and more than 500,000 fields. Some
    1 us an item; blocks, so call it off the event loop.
    """
    split = Split()
    budget = _Budget(MAXIMUM_ITEMS)
    packer = _Packer(split, maximum_bytes)
    for resource in _children(body, _RESOURCES, budget)[1]:
        if _framed_size(resource) <= maximum_bytes:
            packer.add(_frame(_RESOURCES, resource))
            continue
        resource_header, scopes = _children(resource, _SCOPES, budget)
        for scope in scopes:
            scope_header, items = _children(scope, _ITEMS, budget)
            for group in _grouped(items, maximum_bytes - len(resource_header) - len(scope_header) - 32, split):
                inner = _frame(_SCOPES, scope_header + group)
                packer.add(_frame(_RESOURCES, resource_header + inner))
    packer.flush()
    return split


class _Budget:
    """How many fields may still be looked at; a request of millions of empty messages ends here."""

    def __init__(self, items: int) -> None:
        self.items = items

    def spend(self) -> None:
        self.items -= 1
        if self.items < 0:
            raise Refused(EVENT_TOO_COMPLEX, f"The request holds more than {MAXIMUM_ITEMS} items; send less at once.")


class _Packer:
    """Fills parts up to the limit, one framed resource after the other."""

    def __init__(self, split: Split, maximum_bytes: int) -> None:
        self._split = split
        self._maximum_bytes = maximum_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        if self._pieces and self._size + len(piece) > self._maximum_bytes:
            self.flush()
        self._pieces.append(piece)
        self._size += len(piece)

    def flush(self) -> None:
        if self._pieces:
            self._split.parts.append(b"".join(self._pieces))
        self._pieces, self._size = [], 0


def _grouped(items: list[bytes], maximum_bytes: int, split: Split) -> Iterator[bytes]:
    """Yield framed items together, as many as fit; count the ones that do not fit alone."""
    group: list[bytes] = []
    size = 0
    for item in items:
        framed = _frame(_ITEMS, item)
        if len(framed) > maximum_bytes:
            split.oversized += 1
            continue
        if size + len(framed) > maximum_bytes:
            yield b"".join(group)
            group, size = [], 0
        group.append(framed)
        size += len(framed)
    if group:
        yield b"".join(group)


def _children(message: bytes, number: int, budget: _Budget) -> tuple[bytes, list[bytes]]:
    """Return (all other fields, the values of the repeated message field `number`)."""
    header: list[bytes] = []
    children: list[bytes] = []
    position = 0
    while position < len(message):
        budget.spend()
        tag, after_tag = _varint(message, position)
        wire_type = tag & 7
        if wire_type == _LENGTH:
            length, start = _varint(message, after_tag)
            end = start + length
        elif wire_type == _VARINT:
            start, end = position, _varint(message, after_tag)[1]
        elif wire_type in (_FIXED64, _FIXED32):
            start, end = position, after_tag + (8 if wire_type == _FIXED64 else 4)
        else:
            raise _malformed(f"the wire type {wire_type} stands at byte {position}")
        if end > len(message) or tag >> 3 == 0:
            raise _malformed("it is cut short or has a field number of 0")
        if wire_type == _LENGTH and tag >> 3 == number:
            children.append(message[start:end])
        else:
            header.append(message[position:end])
        position = end
    return b"".join(header), children


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    for index in range(position, min(position + 10, len(data))):
        byte = data[index]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, index + 1
        shift += 7
    raise _malformed("it is cut short")


def _frame(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | _LENGTH,)) + encode_varint(len(value)) + value


def _framed_size(value: bytes) -> int:
    return 1 + len(encode_varint(len(value))) + len(value)


def _malformed(what: str) -> Refused:
    return Refused(INVALID_PROTOBUF, f"The body is not the protobuf message of this route: {what}.")
