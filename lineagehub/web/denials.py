"""Denials on their way to the audit log. Noted by middleware/denials.py while a request is answered; written here, in the background.

The first denial of its kind (who, why, on which route) is written at once; those like it of the minute that follows are one more entry,
with their number. So whoever is denied a thousand times a second writes one entry a minute and route. What cannot be kept, because kinds
are too many or Kafka is away, is counted and dropped: the access log has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import structlog
from aiohttp import web

from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.contract.audit import Action, Outcome
from lineagehub.errors import LineageHubError, Retryable
from lineagehub.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60.0
MAXIMUM_KINDS = 1_000
"""Kinds of denial within one window, of all callers: some hundred bytes each."""
MAXIMUM_KINDS_OF_ONE = 200
"""Of one namespace: what it is denied takes no place from others. Every route for each of three keys is fewer."""
MAXIMUM_WAITING = 1_000
RETRY_SECONDS = 1.0
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Denial:
    """One request that was denied, or the last of several alike. `target` is the route; `status` what it was answered."""

    origin: Origin
    target: str
    reason: str
    status: int
    requests: int = 1

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What those alike have in common."""
        return self.origin.namespace, self.origin.actor.model_dump_json(), self.reason, self.target


class Denials:
    """The denials of one web process. `note` never blocks and never fails."""

    def __init__(self, audit: AuditLog, metrics: Metrics, window_seconds: float = WINDOW_SECONDS) -> None:
        self._audit = audit
        self._lost = metrics.unaudited_denials
        self._window_seconds = window_seconds
        self._windows: dict[tuple[str, str, str, str], Denial | None] = {}
        self._waiting: asyncio.Queue[Denial] = asyncio.Queue(MAXIMUM_WAITING)
        self._timers: set[asyncio.TimerHandle] = set()

    def note(self, denial: Denial) -> None:
        """Have it written, alone or with those like it."""
        kind = denial.kind
        if kind in self._windows:
            held = self._windows[kind]
            self._windows[kind] = replace(denial, requests=held.requests + 1) if held else denial
        elif len(self._windows) < MAXIMUM_KINDS and self._kinds_of(denial.origin.namespace) < MAXIMUM_KINDS_OF_ONE:
            self._open_window(kind)
            self._put(denial)
        else:
            self._lost.inc()

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write while the block lasts, and what is held back at its end, for two seconds at most."""
        writer = asyncio.create_task(self._write_for_ever(), name="denials")
        try:
            yield
        finally:
            for timer in self._timers:
                timer.cancel()
            for kind in list(self._windows):
                self._close_window(kind)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._waiting.join()
            self._lost.inc(self._waiting.qsize())
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _kinds_of(self, namespace: str) -> int:
        return sum(1 for kind in self._windows if kind[0] == namespace)

    def _open_window(self, kind: tuple[str, str, str, str]) -> None:
        self._windows[kind] = None

        def close() -> None:
            self._timers.discard(timer)
            if self._close_window(kind):
                self._open_window(kind)

        timer = asyncio.get_running_loop().call_later(self._window_seconds, close)
        self._timers.add(timer)

    def _close_window(self, kind: tuple[str, str, str, str]) -> bool:
        """Have written what was held back; return whether there was any."""
        held = self._windows.pop(kind)
        if held is not None:
            self._put(held)
        return held is not None

    def _put(self, denial: Denial) -> None:
        try:
            self._waiting.put_nowait(denial)
        except asyncio.QueueFull:
            self._lost.inc(denial.requests)

    async def _write_for_ever(self) -> None:
        while True:
            denial = await self._waiting.get()
            try:
                await self._write(denial)
            except LineageHubError as error:
                self._lost.inc(denial.requests)
                log.error("A denial is not audited.", request_id=denial.origin.request_id, error=str(error))
            finally:
                self._waiting.task_done()

    async def _write(self, denial: Denial) -> None:
        detail: dict[str, str | int] = {
            "reason": denial.reason,
            "status": denial.status,
            "requests": denial.requests,
        }
        while True:
            try:
                await self._audit.write(denial.origin, Action.ACCESS, denial.target, Outcome.DENIED, detail)
                return
            except Retryable:
                await asyncio.sleep(RETRY_SECONDS)


DENIALS = web.AppKey("denials", Denials)
