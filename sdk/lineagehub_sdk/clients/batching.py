"""Lineage events in batches, for asyncio: collected, sent when there are enough or in an interval, and none lost in silence.

What a hub that is away does not take is kept and tried again at the next interval; what is left at `stop()` goes to the background
client, which has the spool. What the hub refuses is counted and logged with its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Any

from lineagehub_sdk import _client
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import never_raise, warn
from lineagehub_sdk.clients.hub import Event, LineageHubClient, encode
from lineagehub_sdk.clients.models import LineageEvent
from lineagehub_sdk.errors import APIError


class BatchingLineageClient:
    """Collects events and sends them by a LineageHubClient. To be stopped: `async with`, or `stop()`.

    `accepted` and `rejected` count what the hub answered; `pending` is what waits.
    """

    def __init__(
        self,
        base_client: LineageHubClient | None = None,
        batch_size: int = 100,
        flush_interval: float = 5.0,
        auto_start: bool = True,
    ) -> None:
        """`flush_interval` in seconds. Outside of a running loop the first event starts it."""
        self._base = base_client or LineageHubClient()
        self.batch_size = max(batch_size, 1)
        self.flush_interval = flush_interval
        self.accepted = self.rejected = 0
        self._waiting: list[dict[str, Any]] = []
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._background: _client.Client | None = None
        self._auto_start = auto_start
        self._stopped = self._is_hub_away = False
        if auto_start:
            with contextlib.suppress(RuntimeError):
                self.start()

    async def __aenter__(self) -> BatchingLineageClient:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pending(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Send in the interval from now on. Raises RuntimeError without a running loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._flush_in_interval())

    async def add_event(self, event: Event) -> None:
        """Take an event; when there are enough, send them, and wait for that unless the hub is known to be away.

        Once stopped, or when `queue_size` events wait, the background client has it. TypeError or ValueError: it is no JSON.
        """
        taken = event.to_dict() if isinstance(event, LineageEvent) else dict(event)
        encode(taken)
        if self._stopped or len(self._waiting) >= self._base.config.queue_size:
            self._hand_over([taken], "came after stop()" if self._stopped else "came while too many wait")
            return
        if self._auto_start:
            self.start()
        self._waiting.append(taken)
        if len(self._waiting) % self.batch_size == 0 and not self._is_hub_away:
            await self.flush()

    async def flush(self) -> int:
        """Send what waits, once; return how many events still wait, because the hub is away. Never raises."""
        async with self._sending:
            while batch := self._waiting[: self.batch_size]:
                self._is_hub_away = not await self._send(batch)
                if self._is_hub_away:
                    break
                del self._waiting[: len(batch)]
        return len(self._waiting)

    async def stop(self) -> int:
        """Send what waits, hand what is left after `flush_timeout` to the background client, and close; return how many that were."""
        self._stopped = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._base.config.flush_timeout):
                await self.flush()
        left, self._waiting = self._waiting, []
        self._hand_over(left, "were not sent when stop() was called")
        await self._base.close()
        return len(left)

    async def _flush_in_interval(self) -> None:
        try:
            while True:
                await asyncio.sleep(self.flush_interval)
                await self.flush()
        finally:
            if not self._stopped:
                left, self._waiting = self._waiting, []
                self._hand_over(left, "were not sent when the loop ended, without a stop()")

    async def _send(self, batch: list[dict[str, Any]]) -> bool:
        """Send a batch; return whether it is done with, taken or refused."""
        try:
            receipt = await self._base.send_lineage_events(batch)
        except APIError as error:
            if error.is_transient:
                warn(f"{len(self._waiting)} events wait for the hub: {error.detail}")
                return False
            self.rejected += len(batch)
            warn(f"{len(batch)} events were refused: {error.detail}")
            return True
        self.accepted += receipt.accepted
        self.rejected += receipt.rejected
        if receipt.errors:
            warn(f"{receipt.rejected} events were refused, the first because: {receipt.errors[0]}")
        return True

    def _hand_over(self, events: list[dict[str, Any]], why: str) -> None:
        if not events:
            return
        warn(f"{len(events)} events {why}; the background client has them now")
        if self._background is None:
            self._background = _background_client(self._base.config)
        for event in events:
            with never_raise("handing over an event"):
                self._background.emit(event)


def _background_client(config: LineageHubConfig) -> _client.Client:
    """Return the client in force, if it sends the same way; else one for this configuration."""
    current = _client.current_client()
    return current if current.config == config else _client.Client(config)
