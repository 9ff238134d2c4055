"""How fast namespaces and keys are made, as each stays in the memory of every web and agent. Asked by admin/namespaces.py and keys.py.

Who is counted: the operator's key (or the person), else the namespace, so that no owner makes himself a burst of its own with another key.
In memory of one web, which starts afresh; never counts what is refused for another reason before it gets here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from lineagehub.auth.principal import Principal
from lineagehub.quota.gcra import Gcra
from lineagehub.web.problems import RATE_LIMITED, Refused

MAXIMUM_CALLERS = 1_000
"""Who has not made anything for longest is forgotten, and may make a whole burst again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many a second over time, `burst` at once."""

    each_second: float
    burst: int


NAMESPACES = Pace(1.0, 300)
"""`lineagehub apply` of 200 namespaces passes at once; of 10,000 in a minute 360 are made."""
KEYS = Pace(2.0, 600)
"""Three keys for each of those 200 namespaces."""


class CreationRate:
    """How fast each caller makes one kind of thing."""

    def __init__(self, things: str, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._things = things
        self._pace = pace
        self._clock = clock
        self._callers: OrderedDict[tuple[str | None, str | None], Gcra] = OrderedDict()

    def __len__(self) -> int:
        """Return how many callers are remembered."""
        return len(self._callers)

    def take(self, principal: Principal) -> None:
        """Count one that the caller is about to make, or refuse it with 429 and how long to wait."""
        caller = (principal.namespace, "") if principal.namespace else (principal.kid, principal.subject)
        rate = self._callers.setdefault(caller, Gcra(self._pace.each_second, self._pace.burst))
        self._callers.move_to_end(caller)
        if len(self._callers) > MAXIMUM_CALLERS:
            self._callers.popitem(last=False)
        wait = rate.take(1, self._clock())
        if wait:
            raise Refused(
                RATE_LIMITED,
                f"This hub makes {self._pace.each_second:g} {self._things} a second for one caller, "
                f"{self._pace.burst} at once; send the rest after Retry-After.",
                retry_after_seconds=wait,
            )


class CreationRates:
    """The rates of one web."""

    def __init__(self) -> None:
        self.namespaces = CreationRate("namespaces", NAMESPACES)
        self.keys = CreationRate("keys", KEYS)


CREATION_RATES = web.AppKey("creation_rates", CreationRates)
