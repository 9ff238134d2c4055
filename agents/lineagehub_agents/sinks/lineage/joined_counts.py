"""JoinedCounts: what several callers ask at about the same time is asked as one question. Used by LineageSink."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from lineagehub.contract.usage import FirstCopies
from lineagehub.store.metered_events import StoredRange

MAXIMUM_RANGES = 16
"""Of one question: each has six parameters."""

Count = Callable[[Sequence[StoredRange]], Awaitable[list[FirstCopies]]]


class JoinedCounts:
    """Asks, one question at a time, all that callers want to know meanwhile. None waits for one who has not come yet."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._waiting: deque[tuple[StoredRange, asyncio.Future[FirstCopies]]] = deque()
        self._work: asyncio.Task[None] | None = None

    async def count(self, stored: StoredRange) -> FirstCopies:
        """Return the answer of one range; raises what the question raised that it was in."""
        answer: asyncio.Future[FirstCopies] = asyncio.get_running_loop().create_future()
        self._waiting.append((stored, answer))
        if self._work is None:
            self._work = asyncio.create_task(self._count_all())
        return await answer

    async def _count_all(self) -> None:
        try:
            while self._waiting:
                # A caller that was cancelled waits no more; its range may have been asked for again.
                waiting = [one for one in self._waiting if not one[1].done()]
                self._waiting = deque(waiting[MAXIMUM_RANGES:])
                if together := waiting[:MAXIMUM_RANGES]:
                    await self._count_together(together)
        finally:
            self._work = None

    async def _count_together(self, together: Sequence[tuple[StoredRange, asyncio.Future[FirstCopies]]]) -> None:
        try:
            answers = await self._count([stored for stored, _ in together])
        except Exception as error:
            # Whatever it means: each caller judges it, and else would wait for ever.
            for _, answer in together:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), found in zip(together, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
