"""A wall clock that a test sets, for whole processes: the hub's own code asks the system, and the system is told (clock.c, preloaded).

`with test_clock(directory) as clock: start_hub(…, settings=clock.environment)`. All processes started with that environment, Apache
Kafka's Java included, have this clock; the embedded broker has none of its own, a record's time is its producer's. Timeouts are on
monotonic clocks and take as long as ever. Skipped without a C compiler, a failure in CI.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lineagehub.contract.usage import DAY_MS
from tests.support.missing import skip_or_fail

SOURCE = Path(__file__).with_name("clock.c")
_NANOSECONDS = struct.Struct("=q")


@dataclass
class Clock:
    """A clock that is `ahead_ms` before the machine's."""

    environment: dict[str, str]
    _page: mmap.mmap

    @property
    def ahead_ms(self) -> int:
        """Milliseconds between the machine's time and this one."""
        return int(_NANOSECONDS.unpack_from(self._page)[0]) // 1_000_000

    def now_ms(self) -> int:
        """Return its time, in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def set_before_midnight(self, seconds: float) -> int:
        """Let a UTC day end in so many seconds, on the same or the following day; return that midnight in milliseconds.

        It never goes back by this.
        """
        now_ms = self.now_ms()
        before_ms = round(seconds * 1000)
        midnight_ms = ((now_ms + before_ms) // DAY_MS + 1) * DAY_MS
        _NANOSECONDS.pack_into(self._page, 0, (self.ahead_ms + midnight_ms - before_ms - now_ms) * 1_000_000)
        return midnight_ms


def make_clock(directory: Path) -> Clock:
    """Return a clock that shows the machine's time. `directory` must last as long as the processes that have it."""
    compiler = shutil.which("cc")
    if compiler is None:
        skip_or_fail("A clock that a test sets is compiled by cc, which is not installed.")
    library, page = directory / "clock.so", directory / "clock"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True, timeout=60)
    page.write_bytes(_NANOSECONDS.pack(0))
    with page.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), _NANOSECONDS.size)
    return Clock({"LD_PRELOAD": str(library), "LINEAGEHUB_TEST_CLOCK": str(page)}, mapped)
