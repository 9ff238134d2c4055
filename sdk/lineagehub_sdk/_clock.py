"""The time and the ids of runs: what the testing kit replaces. Call them through this module, `_clock.now()`, so that it can."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(timezone.utc)


def new_id() -> str:
    """Return a run id: a UUID version 7 (RFC 9562), ordered by time, as new OpenLineage clients make them."""
    try:
        digits = _random_digits.pop()
    except IndexError:
        # By the hundred: asking the system is half of what an id costs.
        block = os.urandom(10 * 100).hex()
        _random_digits.extend(block[start : start + 20] for start in range(20, len(block), 20))
        digits = block[:20]
    # uuid.UUID would take four times as long, in each decorated call.
    milliseconds = f"{time.time_ns() // 1_000_000:012x}"
    variant = _VARIANTS[digits[3]]
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7{digits[:3]}-{variant}{digits[4:7]}-{digits[7:19]}"


_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_random_digits: list[str] = []
if hasattr(os, "register_at_fork"):
    # A child must not make the ids of its parent.
    os.register_at_fork(after_in_child=_random_digits.clear)
