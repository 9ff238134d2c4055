"""From the caller's dictionary to bytes, in two steps: a cheap snapshot in the caller's thread, JSON in ours.

The snapshot is `marshal`'s: 1.5 us for an event of 500 bytes, where JSON is 5 to 8; what the caller changes afterwards no longer matters.
A run's own events need none: they hold what nobody changes (`run_event`).
What JSON does not know is written as what it most likely stands for, and what stands for nothing by the name of its type: an event is
worth more than one of its values.
"""

from __future__ import annotations

import json
import marshal
import math
import os
import time
from typing import Any, Protocol

from lineagehub_sdk import _wire
from lineagehub_sdk._guard import warn_once
from lineagehub_sdk.transports._transport import PreparedEvent

DEEPEST = 64
"""Levels of what is coerced; whatever lies deeper, or holds itself, is left out."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Unwritten(Protocol):
    """An event of which JSON can be made at any time: nothing that it holds is changed any more."""

    def write(self) -> tuple[str, bytes, bool]:
        """Return its JSON, its record key, and whether anything had to be coerced."""
        ...


Snapshot = bytes | dict[str, Any] | Unwritten


def snapshot(event: dict[str, Any]) -> Snapshot:
    """Return what the event is now: as bytes, or coerced when it holds more than plain data."""
    try:
        return marshal.dumps(event)
    except ValueError:
        coerced: dict[str, Any] = coerce(event)
        return coerced


def prepare(taken: Snapshot, event_id: str | None, timestamp_ms: int) -> tuple[PreparedEvent, bool]:
    """Return the event of a snapshot, and whether it had to be coerced. Raises ValueError for what is no event."""
    if isinstance(taken, bytes | dict):
        event = taken if isinstance(taken, dict) else marshal.loads(taken)  # noqa: S302 our own bytes, of this process
        if not isinstance(event, dict):
            raise ValueError("an event is a dict")
        text, coerced = encode(event)
        key, coerced = _wire.lineage_key(event), coerced or isinstance(taken, dict)
    else:
        text, key, coerced = taken.write()
    return PreparedEvent(text.encode(), event_id or _new_id(), key, timestamp_ms), coerced


def encode(value: Any) -> tuple[str, bool]:
    """Return the JSON of a value (ASCII, one line), and whether it had to be coerced."""
    try:
        return _encode(value), False
    except (TypeError, ValueError, RecursionError):
        return _encode(coerce(value)), True


def frozen(value: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that nobody else has: what the caller changes afterwards no longer matters. Coerced, if it is no plain data."""
    try:
        copy: dict[str, Any] = marshal.loads(marshal.dumps(value))  # noqa: S302 our own bytes, of this process
    except ValueError:
        warn_of_coercion()
        copy = coerce(value)
    return copy


def warn_of_coercion() -> None:
    """Log, once, that values were coerced."""
    warn_once("coerced", "an event held values that JSON does not know; they were written as text, or left out")


def _new_id() -> str:
    try:
        return _ids.pop()
    except IndexError:
        # By the hundred: asking the system costs 1 to 7 us.
        digits = os.urandom(16 * 100).hex()
        _ids.extend(digits[start : start + 32] for start in range(32, len(digits), 32))
        return digits[:32]


_ids: list[str] = []
if hasattr(os, "register_at_fork"):
    # A child must not make the ids of its parent.
    os.register_at_fork(after_in_child=_ids.clear)


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def coerce(value: Any, depth: int = 0) -> Any:
    """Return a value as plain JSON data. Never raises; no data of an unknown object is read, only its type's name."""
    try:
        return _coerce(value, depth)
    except Exception:
        return _name_of_type(value)


def _coerce(value: Any, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {_coerce_key(key): coerce(member, depth + 1) for key, member in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [coerce(item, depth + 1) for item in list(value)]
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="backslashreplace")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if type(value).__module__ in ("decimal", "uuid", "pathlib"):
        return str(value)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return coerce(value.item(), depth + 1)
    return _name_of_type(value)


def _coerce_key(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    return str(key) if isinstance(key, int | float) or key is None else _name_of_type(key)


def _name_of_type(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
