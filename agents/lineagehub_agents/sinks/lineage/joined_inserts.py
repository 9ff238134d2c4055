"""JoinedInserts: what several callers insert at about the same time goes as one insert, as databases commit in groups.

For inserts that may be repeated only: those of one caller are made again when those of another were refused. Used by LineageSink.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from lineagehub.errors import Permanent

JOIN_SECONDS = 0.03
"""An insert begins when nobody has come for so long: the batches of one read come to theirs within some milliseconds of each other."""

MAXIMUM_BYTES = 32 * 1_048_576
"""Of one insert, as of one batch (AgentsSettings.batch_bytes); what is larger goes alone."""

Rows = bytes
"""Rows whose concatenation is rows, too."""


class JoinedInserts:
    """Inserts, one at a time, all that callers have brought meanwhile."""

    def __init__(self, insert: Callable[[Rows], Awaitable[None]]) -> None:
        self._insert = insert
        self._waiting: deque[tuple[Rows, asyncio.Future[None]]] = deque()
        self._work: asyncio.Task[None] | None = None

    async def insert(self, rows: Rows) -> None:
        """Return when the rows are inserted; raises what `insert` raised of an insert that they were in.

        Permanent is raised of one's own rows only.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        if self._work is None:
            self._work = asyncio.create_task(self._insert_all())
        await done

    async def _insert_all(self) -> None:
        try:
            while self._waiting:
                await self._all_there()
                await self._insert_together(self._next_together())
        finally:
            self._work = None

    async def _all_there(self) -> None:
        there = 0
        while there < len(self._waiting):
            there = len(self._waiting)
            await asyncio.sleep(JOIN_SECONDS)

    def _next_together(self) -> list[tuple[Rows, asyncio.Future[None]]]:
        together = [self._waiting.popleft()]
        size = len(together[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= MAXIMUM_BYTES:
            size += len(self._waiting[0][0])
            together.append(self._waiting.popleft())
        return together

    async def _insert_together(self, together: list[tuple[Rows, asyncio.Future[None]]]) -> None:
        try:
            await self._insert(b"".join(rows for rows, _ in together))
        except Permanent as refusal:
            if len(together) == 1:
                _settle(together, refusal)
            else:
                for one in together:
                    await self._insert_together([one])
        except Exception as error:
            # Whatever it means: each caller judges it, and else would wait for ever.
            _settle(together, error)
        else:
            _settle(together, None)


def _settle(together: list[tuple[Rows, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in together:
        # A caller that was cancelled waits no more.
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
