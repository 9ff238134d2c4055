"""Intake: what was read waits here while the records before it are delivered. One a Deliverer; app.py reads into it.

A trickle is delivered at once, and the next one waits for company while a delivery costs more than it carries. While reading finds more
than it takes at a time there is a backlog, and then a batch is waited for until it is full, a second at most: the fixed cost of an insert
(0.2 CPU s in the model of lineage) falls on thousands of records instead of hundreds. Reading goes on during an insert, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from lineagehub_agents.delivery.records import Record

FILL_SECONDS = 1.0
"""So long a batch may wait to be filled from a backlog."""
REST = 3.0
"""An insert of one event costs ClickHouse 0.2 CPU s as one of a hundred does: so those of a trickle take a quarter of the time at most."""
LONGEST_REST_SECONDS = 2.0
FEW_RECORDS = 1_000
"""From here on what an insert costs is its records', and none rests."""


class Delivers(Protocol):
    """The Deliverer, as it is used here."""

    async def deliver(self, records: list[Record], generation: int) -> None:
        """Return when all are delivered, dead-lettered or held."""
        ...


class Intake:
    """Holds records, in the order read, and hands all of them on when the former ones are delivered."""

    def __init__(
        self,
        deliverer: Delivers,
        maximum_records: int,
        maximum_bytes: int,
        fill_seconds: float = FILL_SECONDS,
        rest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rest`: how many times as long as the delivery of few records took, the next one waits for more."""
        self._deliverer = deliverer
        self._maximum_records = maximum_records
        self._maximum_bytes = maximum_bytes
        self._fill_seconds = fill_seconds
        self._rest = rest
        self._clock = clock
        self._rests_until = 0.0
        self._held: deque[tuple[Sequence[Record], int]] = deque()
        self._records = self._bytes = 0
        self._backlog = False
        self._changed = asyncio.Condition()

    async def take_in(self, records: Sequence[Record], generation: int, *, backlog: bool) -> None:
        """Hold records read in `generation`; waits while it is full, so that reading waits. `backlog`: more is there at once."""
        async with self._changed:
            self._backlog = backlog
            if records:
                await self._changed.wait_for(lambda: not self._is_full)
                self._held.append((records, generation))
                self._records += len(records)
                self._bytes += sum(record.size for record in records)
            self._changed.notify_all()

    async def deliver_for_ever(self) -> None:
        """Hand on what is held, all that was read in one generation at once. Ends only with what delivering raises."""
        while True:
            records, generation = await self._next()
            began = self._clock()
            await self._deliverer.deliver(records, generation)
            if len(records) < FEW_RECORDS:
                now = self._clock()
                self._rests_until = now + min((now - began) * self._rest, LONGEST_REST_SECONDS)

    @property
    def _is_full(self) -> bool:
        return self._records >= self._maximum_records or self._bytes >= self._maximum_bytes

    async def _next(self) -> tuple[list[Record], int]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._held)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rests_until - self._clock()):
                    await self._changed.wait_for(lambda: self._records >= FEW_RECORDS or self._is_full)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._fill_seconds):
                    await self._changed.wait_for(lambda: self._is_full or not self._backlog)
            generation = self._held[0][1]
            together: list[Record] = []
            while self._held and self._held[0][1] == generation:
                together += self._held.popleft()[0]
            self._records -= len(together)
            self._bytes -= sum(record.size for record in together)
            self._changed.notify_all()
            return together, generation
