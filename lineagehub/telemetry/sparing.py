"""Sparing words: of things that a tenant may cause a thousand times a second, one line is logged at once, then one in ten seconds.

Used by the agents for dead letters and records over quota; how many there are, metrics tell exactly. No thread, no timer: what was held
back is told with the next line of its kind.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

EVERY_SECONDS = 10.0
MAXIMUM_KINDS = 1_000
"""Remembered at once; the one that was said longest ago is forgotten, and said anew."""


class Sparing:
    """Decides what is said. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def unsaid(self, kind: Hashable) -> int | None:
        """Return how many of this kind were held back since the last line, if one is due now; None if this one is held back, too."""
        now = self._clock()
        said_at, held_back = self._kinds.get(kind, (float("-inf"), 0))
        if now - said_at < EVERY_SECONDS:
            self._kinds[kind] = said_at, held_back + 1
            return None
        self._kinds[kind] = now, 0
        self._kinds.move_to_end(kind)
        if len(self._kinds) > MAXIMUM_KINDS:
            self._kinds.popitem(last=False)
        return held_back
