"""The backlog of a delivery: what is JSON and not yet sent. In memory, in flight, or on disk.

Between the thread that fills it and the one that empties it; it has no lock of its own, both hold their delivery's. Events go out in the
order in which they came in: while any of this process' wait on disk, all that follow go there, too.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from lineagehub_sdk._guard import warn_once
from lineagehub_sdk.transports._transport import PreparedEvent

if TYPE_CHECKING:
    from lineagehub_sdk._config import LineageHubConfig
    from lineagehub_sdk._delivery.spool_share import Spool

LONG_ATTEMPT_SECONDS = 0.8
"""An attempt that takes longer is as good as a hub that is away: what waits for it goes to disk."""
ADOPT_EVERY_SECONDS = 30.0
"""How often to look for what other processes left when they died."""
REPLAY_EVENTS = 500

MEMORY, OWN, ADOPTED = "memory", "own", "adopted"
"""Where a batch comes from: the queue, this process' spool, a dead process'."""


class Backlog:
    """The backlog of one process for one transport."""

    def __init__(self, config: LineageHubConfig, transport: str) -> None:
        self.has_spool = True
        """Whether there is a spool, as far as is known."""
        self.write_failed = False
        """Whether the last attempt to write failed: the disk is full, or not ours."""
        self._config = config
        self._name = transport
        self._spool: Spool | None = None
        self._ready: deque[PreparedEvent] = deque()
        self._in_flight: list[PreparedEvent] = []
        self._in_flight_since = 0.0
        self._in_flight_on_disk = False
        self._adopt_at = 0.0

    @property
    def in_memory(self) -> int:
        """How many events are in memory alone."""
        return len(self._ready) + (0 if self._in_flight_on_disk else len(self._in_flight))

    @property
    def on_disk(self) -> int:
        """How many events are on disk, of this process and of the dead one that it looks after."""
        return self._spool.own + self._spool.adopted if self._spool is not None else 0

    @property
    def in_flight(self) -> bool:
        """Whether an attempt to send from memory is under way."""
        return bool(self._in_flight)

    @property
    def waits(self) -> bool:
        """Whether there is anything to be sent that is not on its way."""
        return bool(self._ready or self.on_disk)

    @property
    def unsynced(self) -> bool:
        """Whether the disk has not yet taken all that was written."""
        return self._spool is not None and self._spool.unsynced

    @property
    def path(self) -> str | None:
        """Where events wait on disk, if they may."""
        return self._spool.path if self._spool is not None else None

    def find_spool(self) -> Spool | None:
        """Return the spool that there is to be, if any. Imports modules, touches no file and nothing here."""
        if not self.has_spool:
            return None
        try:
            from lineagehub_sdk._delivery.spool import spool_of
        except ImportError:
            # A system without flock.
            return None
        return spool_of(self._config, self._name)

    def use_spool(self, found: Spool | None) -> None:
        """Keep what waits there, unless there is a spool already."""
        if self._spool is None:
            self._spool = found
            self.has_spool = found is not None

    def take_spool(self) -> Spool | None:
        """Return the spool and have none, until it is opened again."""
        spool, self._spool = self._spool, None
        return spool

    def extend(self, events: list[PreparedEvent]) -> None:
        """Take events."""
        self._ready.extend(events)

    def must_write(self, *, urgent: bool) -> bool:
        """Whether what is in memory has to go to disk: it is `urgent`, or others wait there, or too much waits here."""
        if not self.has_spool or not self.in_memory:
            return False
        slow = self.in_flight and time.monotonic() - self._in_flight_since > LONG_ATTEMPT_SECONDS
        behind = self._spool is not None and self._spool.own > 0
        return urgent or slow or behind or len(self._ready) > self._config.queue_size // 2

    def write(self) -> None:
        """Write to disk what is in memory, as far as there is room."""
        if self._spool is None:
            self.use_spool(self.find_spool())
        if self._spool is None:
            return
        # What is being sent comes first: it is the oldest. If its attempt succeeds after all, it is skipped.
        in_flight = [] if self._in_flight_on_disk else self._in_flight
        try:
            written = self._spool.append([*in_flight, *self._ready])
        except OSError as error:
            self.write_failed = True
            warn_once(("spool", self.path), f"events wait in memory only: the spool cannot be written ({error})")
            return
        self.write_failed = False
        if in_flight and written >= len(in_flight):
            self._in_flight_on_disk = True
        for _ in range(max(0, written - len(in_flight))):
            self._ready.popleft()

    def sync(self) -> None:
        """Have the disk take what was written; needs no lock. Raises OSError."""
        if self._spool is not None:
            self._spool.sync()

    def next_batch(self) -> tuple[list[PreparedEvent], str]:
        """Return what to send next, and where it comes from: the oldest of this process, then what a dead one left."""
        spool = self._spool
        if spool is not None and spool.own:
            return spool.next_events(REPLAY_EVENTS, own=True), OWN
        if self._ready:
            count = min(len(self._ready), self._config.batch_size)
            self._in_flight = [self._ready.popleft() for _ in range(count)]
            self._in_flight_since = time.monotonic()
            return self._in_flight, MEMORY
        if spool is None or not self._adopt(spool):
            return [], MEMORY
        return spool.next_events(REPLAY_EVENTS, own=False), ADOPTED

    def failed(self, source: str) -> None:
        """The batch was not sent: it waits where it was."""
        if source == MEMORY:
            if not self._in_flight_on_disk:
                self._ready.extendleft(reversed(self._in_flight))
            self._in_flight, self._in_flight_on_disk = [], False

    def succeeded(self, count: int, refused: list[PreparedEvent], source: str) -> None:
        """The batch is done with: so many events, of which some were refused for good. Those from the disk are kept aside there."""
        if source == MEMORY:
            if self._in_flight_on_disk and self._spool is not None:
                self._spool.skip(count)
            self._in_flight, self._in_flight_on_disk = [], False
        elif self._spool is not None:
            self._spool.sent(count, own=source == OWN, refused=refused)
            if source == ADOPTED:
                self._adopt_at = 0.0

    def seconds_until_adoption(self) -> float | None:
        """When to look again for what dead processes left; None without a spool."""
        return max(0.0, self._adopt_at - time.monotonic()) if self._spool is not None else None

    def _adopt(self, spool: Spool) -> bool:
        try:
            found = spool.adopt()
        except OSError as error:
            found = False
            warn_once(("spool", spool.path), f"events wait in memory only: the spool cannot be read ({error})")
        if not found:
            self._adopt_at = time.monotonic() + ADOPT_EVERY_SECONDS
        return found
