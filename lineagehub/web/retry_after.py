"""How long a caller is told to wait: as long as it takes and a little more, at least a second, an hour at most.

The little more, up to a tenth, differs from answer to answer: else all of a namespace's senders would come back in the same second, most
of them to hear 429 again.
"""

from __future__ import annotations

import math
import random

LONGEST_SECONDS = 3_600
"""A limit may be changed meanwhile, so nobody is told to wait for midnight, or for ever where the limit is 0."""


def spread(wait_seconds: float) -> int:
    """Return the whole seconds to say for a wait, which may be infinite: never less, but where that is over an hour; never 0."""
    if math.isinf(wait_seconds):
        # Whoever comes back is refused again, so it does not matter when he does.
        return LONGEST_SECONDS
    seconds = max(1, math.ceil(wait_seconds))
    return min(seconds + _up_to(seconds // 10), LONGEST_SECONDS - _up_to(LONGEST_SECONDS // 10))


def _up_to(most: int) -> int:
    return random.randint(0, most)  # noqa: S311 Only to spread load.
