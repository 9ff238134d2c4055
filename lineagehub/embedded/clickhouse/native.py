"""Native answers of a client's protocol revision: what clickhouse-go (Grafana's plugin) and clickhouse-connect ask for over HTTP.

With `client_protocol_version` a server writes a block info before each block, and from revision 54454 a serialization flag behind
each column's type. chDB writes revision 0 only, so both are put in here; for that the columns' ends have to be found, type by type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lineagehub.embedded.clickhouse.errors import EngineError, refusal

CUSTOM_SERIALIZATION_REVISION = 54454
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1, not an overflow block; field 2, bucket -1; end of fields."""
DEFAULT_SERIALIZATION = b"\x00"

_FIXED_BYTES = {
    **dict.fromkeys(("Int8", "UInt8", "Bool", "Enum8", "Nothing"), 1),
    **dict.fromkeys(("Int16", "UInt16", "BFloat16", "Date", "Enum16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "Time", "IPv4", "Decimal32"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Time64", "Decimal64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6", "Decimal128"), 16),
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), 32),
}
_GEOMETRY = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "MultiLineString": "Array(LineString)",
    "Polygon": "Array(Ring)",
    "MultiPolygon": "Array(Polygon)",
}
_TYPE_PARTS = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|[(), ]|[^'`(), ]+", re.DOTALL)
_KEY_BYTES_MASK = 0xFF


def with_revision(blocks: bytes, revision: int) -> bytes:
    """Return Native blocks of revision 0 as those of `revision`. Raises EngineError for a type that is not known here."""
    out: list[bytes] = []
    reader = _Reader(blocks)
    flag = DEFAULT_SERIALIZATION if revision >= CUSTOM_SERIALIZATION_REVISION else b""
    try:
        while reader.position < len(blocks):
            start = reader.position
            columns, rows = reader.number(), reader.number()
            out.append(BLOCK_INFO + blocks[start : reader.position])
            for _ in range(columns):
                start = reader.position
                reader.text()
                kind = reader.text()
                out.append(blocks[start : reader.position] + flag)
                start = reader.position
                if rows:
                    reader.column(kind, rows)
                out.append(blocks[start : reader.position])
    except IndexError as error:
        raise refusal(48, "NOT_IMPLEMENTED", "The Native answer cannot be read; ask for another FORMAT.") from error
    return b"".join(out)


class _Reader:
    """Walks over one answer; `position` is behind what was read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def number(self) -> int:
        """Read a variable-length number."""
        value = shift = 0
        while True:
            byte = self._data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        """Read a string with its length before it."""
        length = self.number()
        return self._take(length).decode(errors="surrogateescape")

    def column(self, kind: str, rows: int) -> None:
        """Skip a column: what its types keep before all rows, then the rows."""
        self._take(_state_bytes(kind))
        self._rows(kind, rows)

    def _rows(self, kind: str, rows: int) -> None:
        name, arguments = _split(kind)
        width = _width(name, arguments)
        if width:
            self._take(rows * width)
        elif name == "String":
            for _ in range(rows):
                self._take(self.number())
        elif name == "Nullable":
            self._take(rows)
            self._rows(arguments[0], rows)
        elif name == "SimpleAggregateFunction":
            self._rows(arguments[1], rows)
        elif name == "LowCardinality":
            self._dictionary(arguments[0], rows)
        elif name in ("Array", "Map", "Nested"):
            self._elements(_element(name, arguments), rows)
        elif name == "Tuple" and arguments:
            for argument in arguments:
                self._rows(_without_name(argument), rows)
        elif name in _GEOMETRY:
            self._rows(_GEOMETRY[name], rows)
        else:
            raise _unknown(kind)

    def _elements(self, element: str, rows: int) -> None:
        """Skip arrays: where each one ends, then all their elements."""
        if rows:
            ends = self._take(rows * 8)
            self._rows(element, int.from_bytes(ends[-8:], "little"))

    def _dictionary(self, kind: str, rows: int) -> None:
        """Skip dictionary-coded rows: width of an index, the keys, the indexes."""
        if not rows:
            return
        index_bytes = 1 << (self._int64() & _KEY_BYTES_MASK)
        name, arguments = _split(kind)
        self._rows(arguments[0] if name == "Nullable" else kind, self._int64())
        self._take(self._int64() * index_bytes)

    def _int64(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def _take(self, length: int) -> bytes:
        start = self.position
        self.position += length
        if self.position > len(self._data):
            raise IndexError(self.position)
        return self._data[start : self.position]


def _state_bytes(kind: str) -> int:
    """Return how many bytes a type keeps before its rows: 8 for each dictionary in it."""
    name, arguments = _split(kind)
    if name == "LowCardinality":
        return 8
    if name in ("Array", "Nullable", "Map", "Tuple", "Nested"):
        return sum(_state_bytes(_without_name(argument)) for argument in arguments)
    return _state_bytes(arguments[1]) if name == "SimpleAggregateFunction" else 0


def _width(name: str, arguments: list[str]) -> int:
    """Return the bytes of one row, 0 if they vary."""
    if name == "FixedString":
        return int(arguments[0])
    if name == "Decimal":
        digits = int(arguments[0])
        return next(width for most, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if digits <= most)
    return 8 if name.startswith("Interval") else _FIXED_BYTES.get(name, 0)


def _element(name: str, arguments: list[str]) -> str:
    return arguments[0] if name == "Array" else f"Tuple({', '.join(arguments)})"


def _split(kind: str) -> tuple[str, list[str]]:
    """Return a type's name and its arguments."""
    name, bracket, rest = kind.partition("(")
    return name, list(_arguments(rest[:-1])) if bracket else []


def _arguments(text: str) -> Iterator[str]:
    depth = 0
    argument = ""
    for part in _TYPE_PARTS.findall(text):
        depth += (part == "(") - (part == ")")
        if part == "," and not depth:
            yield argument.strip()
            argument = ""
        else:
            argument += part
    if argument.strip():
        yield argument.strip()


def _without_name(element: str) -> str:
    """Return the type of a tuple's element, which may be named: `a UInt8`."""
    depth = 0
    position = 0
    for part in _TYPE_PARTS.findall(element):
        if part == " " and not depth:
            return element[position + 1 :]
        depth += (part == "(") - (part == ")")
        position += len(part)
    return element


def _unknown(kind: str) -> EngineError:
    return refusal(
        48,
        "NOT_IMPLEMENTED",
        f"The embedded server cannot write {kind[:100]} in Native for client_protocol_version; cast it, or ask for another FORMAT.",
    )
