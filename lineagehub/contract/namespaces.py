"""The grammar of hub namespaces (= tenants). Used wherever a namespace enters: settings, control records, headers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import StringConstraints

NAMESPACE_PATTERN = r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$"

OPERATOR_LANE = "_operator"
"""Stands where a namespace would, for dead letters that no tenant provably wrote. The grammar cannot produce it."""

Namespace = Annotated[str, StringConstraints(pattern=NAMESPACE_PATTERN)]

_matches = re.compile(NAMESPACE_PATTERN).fullmatch


def is_namespace(text: str) -> bool:
    """Tell whether `text` is a well-formed namespace: 3 to 63 of `a-z 0-9 . _ -`, letters or digits at both ends."""
    return _matches(text) is not None and not text.endswith("\n")
