"""JSON that every reader reads alike: of a key with two values some take the first, others the last.

Asked by the web and by the agents, which pass the text on as it came.
"""

from __future__ import annotations

import json
from typing import Any


class TwoValues(ValueError):
    """An object has a key with two values."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {key[:100]!r} stands twice in one object, with two values.")


def refuse_two_values(text: bytes) -> None:
    """Raise TwoValues if a key of an object has two values. `text` is JSON, at most some hundred levels deep.

    The same value again is no matter: openlineage-spark 1.53 repeats `processing_engine` so in each event of an RDD.
    """
    json.loads(text, object_pairs_hook=_members, parse_int=_number, parse_float=_number)


def _number(text: str) -> tuple[str]:
    # To Python 1, 1.0 and true are equal. Nothing else in a document becomes a tuple.
    return (text,)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        for key, value in pairs:
            if value != members[key]:
                raise TwoValues(key)
    return members
