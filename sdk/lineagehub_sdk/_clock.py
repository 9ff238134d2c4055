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
        random_bytes = _random.pop()
    except IndexError:
        # By the hundred: asking the system is half of what an id costs.
        block = os.urandom(10 * 100)
        _random.extend(block[start : start + 10] for start in range(10, len(block), 10))
        random_bytes = block[:10]
    number = (
        (time.time_ns() // 1_000_000) << 80 | int.from_bytes(random_bytes, "big") & _RANDOM_BITS | _VERSION_AND_VARIANT
    )
    digits = f"{number:032x}"  # uuid.UUID would take three times as long, in each decorated call.
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_RANDOM_BITS = 0xFFF << 64 | (1 << 62) - 1
_random: list[bytes] = []
if hasattr(os, "register_at_fork"):
    # A child must not make the ids of its parent.
    os.register_at_fork(after_in_child=_random.clear)
