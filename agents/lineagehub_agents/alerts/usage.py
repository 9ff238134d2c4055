"""Reads records of the topic `lineagehub-usage`: the one place that knows their members."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from lineagehub.contract.namespaces import is_namespace


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What a namespace has used of a signal on a UTC day; `limit` of all its signals together, None if the record has none."""

    namespace: str
    day: date
    signal: str
    count: int
    limit: int | None


def read_usage(key: bytes, value: bytes) -> UsageTotal | None:
    """Return a usage record, or None for what is none. Members that are not known are passed over."""
    try:
        namespace, day, signal = key.decode().split("|")
        document = json.loads(value)
        count = _amount(document.get("count"))
        if count is None or not is_namespace(namespace):
            return None
        return UsageTotal(namespace, date.fromisoformat(day), signal, count, _amount(document.get("limit")))
    except (ValueError, AttributeError):
        return None


def _amount(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
