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
    random_bits = int.from_bytes(os.urandom(10), "big")
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | 7 << 76 | (random_bits >> 68) << 64 | 0b10 << 62 | random_bits & (1 << 62) - 1
    digits = f"{number:032x}"  # uuid.UUID would take three times as long, in each decorated call.
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
