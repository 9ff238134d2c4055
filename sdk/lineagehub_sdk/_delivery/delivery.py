"""The delivery of one process to one transport: a bounded queue, a thread that takes from it, a thread that sends.

    emit -> queue -> collector: JSON -> backlog, in memory -> sender -> transport     while the hub takes what comes
                                     -> backlog, on disk   -> sender -> transport     until it has caught up

The collector is never blocked by the network, the sender alone is; so events are on disk within a second of being emitted, two while the
first attempt to send them hangs, and safe from kill -9. Without a spool they wait in memory, as many as the queue may hold.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from lineagehub_sdk._delivery import importing
from lineagehub_sdk._delivery.attempts import LONGEST_BACKOFF_SECONDS, Attempts
from lineagehub_sdk._delivery.backlog import MEMORY, Backlog
from lineagehub_sdk._delivery.encoding import Snapshot, prepare, warn_of_coercion
from lineagehub_sdk._guard import debug, never_raise, warn_once
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal, Transport

if TYPE_CHECKING:
    from lineagehub_sdk._config import LineageHubConfig

SYNC_SECONDS = 0.5
EVENTS_A_STEP, MORE_EVENTS_A_STEP = 24, 400
"""At 3 us an event. With more, a full queue empties as fast as a loop that does nothing else can fill it."""

GIVE_WAY_SECONDS = 0.00005
"""A loop that does nothing but call fills the queue in 50 ms, ten switches of the interpreter's lock: three of four events found no room.

Like this it is as fast as the disk, 50,000 events a second; and 0.2 s slower in all where nobody takes and there is no disk. Not sooner:
a pipeline that computes has 5,000 events waiting at times, and would wait for 0.5 ms in every hundredth call.
"""

Taken = tuple[Snapshot, str | None, int]
"""A snapshot, the id that was asked for, and when, in milliseconds since the epoch."""


class Delivery:
    """Takes events and has them sent. `sent`, `dropped` (no room), `refused` and `coerced` count them, in this process."""

    def __init__(
        self,
        config: LineageHubConfig,
        transport: str,
        open_transport: Callable[[LineageHubConfig, str], Transport],
        warn: Callable[[str, str], None],
    ) -> None:
        """Starts nothing: the threads begin with the first event. `warn` takes a kind and a message."""
        self.sent = self.dropped = self.refused = self.coerced = 0
        self.away = False
        self._config = config
        self._name = transport
        self._open = open_transport
        self._warn = warn
        self._queue: deque[Taken] = deque()
        self._limit = config.queue_size
        self._wake_at = min(max(config.batch_size, config.queue_size // 8), config.queue_size)
        self._crowded_at = config.queue_size * 7 // 8
        self._wake = threading.Event()
        self._idle = False
        self._changed = threading.Condition()
        # All below is changed under `_changed` only.
        self._encoding = 0
        self._backlog = Backlog(config, transport)
        self._synced_at = 0.0
        self._transport: Transport | None = None
        self._collector: threading.Thread | None = None
        self._sender: threading.Thread | None = None
        self._closing = False
        self._parking = False
        self._hurried = 0
        self._attempts = Attempts()

    # The caller's thread

    def put(self, taken: Taken) -> None:
        """Queue an event; drop it when there is no room. Never blocks: no lock but for the first event and a full queue.

        When seven eighths of the room are taken the caller gives way to the collector, GIVE_WAY_SECONDS an event.
        """
        queue = self._queue
        waiting = len(queue) + self._encoding + self._backlog.in_memory
        if waiting >= self._limit:
            self._drop(1)
            return
        queue.append(taken)
        if self._collector is None:
            self._start()
        elif self._idle or len(queue) == self._wake_at:
            self._wake.set()
        if waiting > self._crowded_at:
            time.sleep(GIVE_WAY_SECONDS)

    @property
    def pending(self) -> int:
        """How many events wait or are on their way, in memory and on disk."""
        return self.in_memory + self._backlog.on_disk

    @property
    def in_memory(self) -> int:
        """How many events would be lost if the process died now."""
        return len(self._queue) + self._encoding + self._backlog.in_memory

    @property
    def spool_path(self) -> str | None:
        """Where events wait on disk, if they may."""
        return self._backlog.path

    def flush(self, timeout: float, *, patient: bool = True) -> bool:
        """Wait until everything is sent, at most `timeout` seconds; return whether nothing is left.

        The hub is asked at once, unless it said when. Who is not `patient` has the answer as soon as that was in vain and
        everything is safe on disk.
        """
        with self._changed:
            if self._collector is None:
                return not self.pending
            begun = self._attempts.made
            self._attempts.hurry()
            self._hurried += 1
            self._wake.set()
            self._changed.notify_all()

            def settled() -> bool:
                if not self.pending and not self._adoption_due():
                    return True
                asked = self._attempts.made > begun or self._attempts.told_to_wait
                return not patient and self.away and asked and not self.in_memory

            self._changed.wait_for(settled, timeout)
            self._hurried -= 1
            return not self.pending

    def park(self, timeout: float) -> None:
        """Have everything that is in memory written to disk, if there is a spool; wait for that at most `timeout` seconds."""
        with self._changed:
            if self._collector is None:
                return
            backlog = self._backlog
            self._parking, backlog.write_failed = True, False
            self._wake.set()
            self._changed.wait_for(lambda: not self.in_memory or not backlog.has_spool or backlog.write_failed, timeout)
            self._parking = False

    def close(self, timeout: float) -> None:
        """Have the threads send what waits, close the transport and end; wait for that at most `timeout` seconds."""
        with self._changed:
            threads = (self._collector, self._sender)
            self._closing = True
            self._wake.set()
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        for thread in threads:
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def abandon(self) -> Transport | None:
        """In a forked child: close what holds the parent's locks on its spool; return the transport, to be kept and never used."""
        spool = self._backlog.take_spool()
        if spool is not None:
            spool.close()
        return self._transport

    def _start(self) -> None:
        with self._changed:
            if self._collector is None:
                collector = threading.Thread(target=self._collect, name="lineagehub-sdk", daemon=True)
                collector.start()
                self._collector = collector

    def _drop(self, count: int) -> None:
        with self._changed:
            self.dropped += count
        self._warn("full", f"the queue is full; {self.dropped} events were dropped so far")

    # The collector

    def _collect(self) -> None:
        with self._changed:
            if self._sender is None:
                self._sender = threading.Thread(target=self._send, name="lineagehub-sdk-sender", daemon=True)
                self._sender.start()
        while not self._end_collector():
            self._wait_for_events()
            with never_raise("collecting events", strict=False):
                self._encode()
                self._write()

    def _wait_for_events(self) -> None:
        """Wait until there are enough, or the interval is over; without an end while there is nothing to look after."""
        backlog = self._backlog
        unfinished = bool(self._closing or backlog.in_memory or backlog.in_flight or backlog.unsynced)
        self._idle = True
        # Whoever appends now sees that this thread is idle; who did before is seen here.
        if not self._queue and not self._parking:
            self._wake.wait(SYNC_SECONDS if unfinished else None)
        self._idle = False
        self._wake.clear()
        if self._queue and not (self._hurried or self._parking or self._closing or len(self._queue) >= self._wake_at):
            interval = self._config.flush_interval
            self._wake.wait(min(interval, SYNC_SECONDS) if unfinished or self.away else interval)

    def _encode(self) -> None:
        """Make JSON of what is queued, a little at a time: whoever waits for the interpreter's lock waits for 0.1 ms, not for 5.

        While the pipeline computes the lock comes back after 5 ms only; so the fuller the queue, the larger the steps.
        """
        left = len(self._queue)
        while left:
            fullness = (len(self._queue) + self._backlog.in_memory) / self._limit
            count = min(left, EVENTS_A_STEP + int(MORE_EVENTS_A_STEP * fullness**3))
            left -= count
            with self._changed:
                self._encoding = count
            events = [event for event in (self._prepare(self._queue.popleft()) for _ in range(count)) if event]
            with self._changed:
                self._backlog.extend(events)
                self._encoding = 0
            if not self._hurried:
                time.sleep(0)
        with self._changed:
            self._changed.notify_all()

    def _prepare(self, taken: Taken) -> PreparedEvent | None:
        try:
            event, coerced = prepare(*taken)
        except Exception as error:
            self.refused += 1
            warn_once(("no event", type(error)), f"an event was left out: {error!r}")
            return None
        if coerced:
            self.coerced += 1
            warn_of_coercion()
        return event

    def _write(self) -> None:
        """Write to disk what has to wait: the hub is away, or slow, or has not yet caught up."""
        backlog = self._backlog
        with self._changed:
            if backlog.must_write(urgent=self.away or self._parking):
                backlog.write()
                self._changed.notify_all()
        if backlog.unsynced and (self._parking or time.monotonic() - self._synced_at >= SYNC_SECONDS):
            self._synced_at = time.monotonic()
            with never_raise("syncing the spool", strict=False):
                backlog.sync()

    def _end_collector(self) -> bool:
        with self._changed:
            if not self._closing:
                return False
            # First this, so that whoever queues now starts another; what was queued before is seen here.
            collector, self._collector = self._collector, None
            if self._queue or (self._backlog.in_memory and self._sender is not None):
                self._collector = collector
                return False
            return True

    # The sender

    def _send(self) -> None:
        with never_raise("opening the spool", strict=False):
            # One lock after the other: whoever forks within `_changed` waits for that one.
            with importing.lock:
                found = self._backlog.find_spool()
            with self._changed:
                self._backlog.use_spool(found)
        while True:
            with self._changed:
                while not (self._may_end() or self._may_send()):
                    self._changed.wait(self._patience())
                if self._may_end():
                    transport, self._transport = self._transport, None
                    spool = self._backlog.take_spool()
                    self._sender = None
                    # Who flushes waits for nothing any more.
                    self._changed.notify_all()
                    break
                events, source = self._next_batch()
            if events:
                self._attempt(events, source)
        with never_raise("closing the transport", strict=False):
            if spool is not None:
                spool.release()
            if transport is not None:
                transport.close()

    def _may_end(self) -> bool:
        """When closed, and nothing waits but what is on disk for the next process, as the hub is away."""
        return self._closing and self._collector is None and (self.away or not self.pending) and not self.in_memory

    def _may_send(self) -> bool:
        return (self._backlog.waits and not self._attempts.seconds_to_wait()) or self._adoption_due()

    def _adoption_due(self) -> bool:
        return not self.away and self._backlog.seconds_until_adoption() == 0

    def _patience(self) -> float | None:
        """How long to wait for news."""
        nothing_to_adopt = None if self.away else self._backlog.seconds_until_adoption()
        return self._attempts.seconds_to_wait() or nothing_to_adopt

    def _next_batch(self) -> tuple[list[PreparedEvent], str]:
        with never_raise("reading what waits", strict=False):
            batch = self._backlog.next_batch()
            if not batch[0]:
                self._changed.notify_all()
            return batch
        self._attempts.wait(LONGEST_BACKOFF_SECONDS)
        return [], MEMORY

    def _attempt(self, events: list[PreparedEvent], source: str) -> None:
        try:
            if self._transport is None:
                with importing.lock:
                    self._transport = self._open(self._config, self._name)
            refusals = self._transport.send(events)
        except TransportUnavailable as error:
            self._failed(source, str(error), error.retry_after_seconds)
        except TransportRefused as error:
            if source == MEMORY:
                self._succeeded(events, [Refusal(event, str(error)) for event in events], source)
            else:
                # What waits on disk may suit another process, or a better configuration.
                self._failed(source, str(error), LONGEST_BACKOFF_SECONDS)
        except Exception as error:
            # Our own fault must not end the thread, strict or not.
            self._succeeded(events, [Refusal(event, repr(error)) for event in events], source)
        else:
            self._succeeded(events, refusals, source)

    def _failed(self, source: str, reason: str, retry_after: float | None) -> None:
        self._warn("unavailable", f"not sent yet, trying again: {reason}")
        with self._changed:
            self._attempts.failed(retry_after)
            self.away = True
            self._backlog.failed(source)
            self._wake.set()
            self._changed.notify_all()

    def _succeeded(self, events: list[PreparedEvent], refusals: list[Refusal], source: str) -> None:
        if refusals:
            self._warn("refused", f"{len(refusals)} events were refused, the first because: {refusals[0].reason}")
        debug(f"{self._name} took {len(events) - len(refusals)} events")
        with self._changed:
            self._backlog.succeeded(len(events), [refusal.event for refusal in refusals], source)
            self._attempts.succeeded()
            self.away = False
            self.refused += len(refusals)
            self.sent += len(events) - len(refusals)
            if self._closing:
                self._wake.set()
            self._changed.notify_all()
