"""How fast namespaces and keys are made, as each stays in the memory of every web and agent, and how fast webhooks are tried, as each
trial has the hub call others. Asked by admin/namespaces.py, keys.py and webhooks.py.

Who is counted: the operator's key (or the person), else the namespace, so that no owner makes himself a burst of its own with another key.
In memory of one web, which starts afresh and gives its share of the rate, as for all rates (quota/rate_limiter.py); never counts what is
refused for another reason before it gets here.
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
"""Who has not done anything for longest is forgotten, and may do a whole burst again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many a second over time, all webs together; `burst` at once, in each."""

    each_second: float
    burst: int


NAMESPACES = Pace(1.0, 300)
"""`lineagehub apply` of 200 namespaces passes at once; of 10,000 in a minute 360 are made."""
KEYS = Pace(2.0, 600)
"""Three keys for each of those 200 namespaces."""
WEBHOOK_TRIALS = Pace(0.1, 10)
"""A trial sends a message to each of five webhooks at most: who tries all day calls others once in two seconds."""


class ActionRate:
    """How fast each caller does one kind of thing. `action` is what the hub does then, for the refusal: "makes namespaces"."""

    def __init__(
        self,
        action: str,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        replicas: Callable[[], int] = lambda: 1,
    ) -> None:
        self._action = action
        self._pace = pace
        self._clock = clock
        self._replicas = replicas
        self._callers: OrderedDict[tuple[str | None, str | None], Gcra] = OrderedDict()

    def __len__(self) -> int:
        """Return how many callers are remembered."""
        return len(self._callers)

    def take(self, principal: Principal) -> None:
        """Count one that is about to be done for the caller, or refuse it with 429 and how long to wait."""
        caller = (principal.namespace, "") if principal.namespace else (principal.kid, principal.subject)
        now, share = self._clock(), self._pace.each_second / max(self._replicas(), 1)
        rate = self._callers.setdefault(caller, Gcra(share, self._pace.burst))
        if rate.rate_per_second != share:
            rate.change(share, self._pace.burst, now)
        self._callers.move_to_end(caller)
        if len(self._callers) > MAXIMUM_CALLERS:
            self._callers.popitem(last=False)
        wait = rate.take(1, now)
        if wait:
            raise Refused(
                RATE_LIMITED,
                f"This hub {self._action} at {self._pace.each_second:g} a second for one caller, "
                f"{self._pace.burst} at once; send the rest after Retry-After.",
                retry_after_seconds=wait,
            )


class ActionRates:
    """The rates of one web; `replicas` tells how many webs share them."""

    def __init__(self, replicas: Callable[[], int]) -> None:
        self.namespaces = ActionRate("makes namespaces", NAMESPACES, replicas=replicas)
        self.keys = ActionRate("makes keys", KEYS, replicas=replicas)
        self.webhook_trials = ActionRate("tries webhooks", WEBHOOK_TRIALS, replicas=replicas)


ACTION_RATES = web.AppKey("action_rates", ActionRates)
