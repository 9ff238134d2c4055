"""The client behind everything: a bounded queue, one background thread, batches, retries, and a flush at exit.

`emit` never blocks and never raises. The thread starts with the first event; after a fork the child has a fresh, empty queue and a
thread of its own. A full queue drops the new event, counts it, and warns at most once a minute.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import random
import sys
import threading
import time
import uuid
import weakref
from typing import Any

from lineagehub_sdk._config import LineageHubConfig, resolve
from lineagehub_sdk._guard import log, never_raise
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports import TRANSPORTS
from lineagehub_sdk.transports._transport import PreparedEvent, Transport

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
WARN_EVERY_SECONDS = 60.0


class Client:
    """Takes events and has them sent. `sent`, `dropped` and `refused` count them."""

    def __init__(self, config: LineageHubConfig) -> None:
        self.config = config
        self.sent = self.dropped = self.refused = 0
        self._transport: Transport | None = None
        self._worker: threading.Thread | None = None
        self._warned_at = -WARN_EVERY_SECONDS
        self._begin_process()
        _clients.add(self)

    def emit(self, event: dict[str, Any], event_id: str | None = None) -> None:
        """Queue an event. Raises TypeError or ValueError for one that is no JSON; callers guard."""
        prepared = PreparedEvent.of(event, event_id or uuid.uuid4().hex)
        if self._process_id != os.getpid():
            self._begin_process()
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="lineagehub-sdk", daemon=True)
                self._worker.start()
        try:
            with self._pending_changed:
                self._queue.put_nowait(prepared)
                self._pending += 1
        except queue.Full:
            self.dropped += 1
            self._warn(f"the queue is full; {self.dropped} events were dropped so far")

    def flush(self, timeout: float) -> bool:
        """Wait until everything is sent, at most `timeout` seconds; return whether nothing is left."""
        deadline = time.monotonic() + timeout
        with self._pending_changed:
            self._hurry.set()
            while self._pending and (left := deadline - time.monotonic()) > 0:
                self._pending_changed.wait(left)
            self._hurry.clear()
            return not self._pending

    def close(self) -> None:
        """Close the transport, when nothing is pending any more."""
        if self._transport is not None:
            self._transport.close()

    @property
    def pending(self) -> int:
        """How many events wait or are on their way."""
        return self._pending

    def _begin_process(self) -> None:
        """Begin afresh, at first and in a forked child: the parent's events are the parent's to send."""
        self._process_id = os.getpid()
        self._queue: queue.Queue[PreparedEvent] = queue.Queue(self.config.queue_size)
        self._lock = threading.Lock()
        self._pending_changed = threading.Condition()
        self._hurry = threading.Event()
        self._pending = 0
        self._worker = None
        self._transport = None

    def _work(self) -> None:
        while True:
            batch = self._next_batch()
            with never_raise("sending lineage"):
                self._send(batch)
            with self._pending_changed:
                self._pending -= len(batch)
                self._pending_changed.notify_all()

    def _next_batch(self) -> list[PreparedEvent]:
        batch = [self._queue.get()]
        deadline = time.monotonic() + self.config.flush_interval
        while len(batch) < self.config.batch_size:
            left = 0.0 if self._hurry.is_set() else deadline - time.monotonic()
            try:
                batch.append(self._queue.get(timeout=min(left, 0.05)) if left > 0 else self._queue.get_nowait())
            except queue.Empty:
                if left <= 0:
                    break
        return batch

    def _send(self, batch: list[PreparedEvent]) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                if self._transport is None:
                    self._transport = TRANSPORTS[self.config.effective_transport](self.config)
                refused = self._transport.send(batch)
                self.refused += refused
                self.sent += len(batch) - refused
                return
            except TransportRefused as error:
                self.refused += len(batch)
                self._warn(f"{len(batch)} events were refused: {error}")
                return
            except TransportUnavailable as error:
                self._warn(f"not sent yet, trying again: {error}")
                time.sleep(error.retry_after_seconds or random.uniform(backoff / 2, backoff))  # noqa: S311 jitter
                backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)

    def _warn(self, message: str) -> None:
        if time.monotonic() - self._warned_at >= WARN_EVERY_SECONDS:
            self._warned_at = time.monotonic()
            log.warning("lineagehub: %s.", message)


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_current: Client | None = None
_current_lock = threading.Lock()


def current_client() -> Client:
    """Return the client in force, made from the environment on first use."""
    global _current
    if _current is None:
        with _current_lock:
            if _current is None:
                config = resolve({})
                if config.effective_transport == "console" and not config.transport:
                    log.warning("lineagehub: LINEAGEHUB_URL is not set; lineage is printed and sent nowhere.")
                _current = Client(config)
    return _current


def current_config() -> LineageHubConfig:
    """Return the configuration in force."""
    return current_client().config


def configure(**arguments: Any) -> LineageHubConfig:
    """Configure the SDK and return what is in force. Optional: the environment alone is enough.

    Arguments are the fields of LineageHubConfig. What was emitted before is sent by the former configuration.
    """
    global _current
    config = resolve(arguments)
    with _current_lock:
        _current = Client(config)
    return config


def emit(event: Any, event_id: str | None = None) -> None:
    """Send an OpenLineage event: a dict, or an event of openlineage-python. Never blocks, never raises."""
    with never_raise("emitting an event"):
        if not isinstance(event, dict):
            event = _to_dict(event)
        current_client().emit(event, event_id)


def flush(timeout: float | None = None) -> bool:
    """Wait until everything emitted is sent, at most `timeout` seconds (default: flush_timeout); True: nothing is left."""
    seconds = current_config().flush_timeout if timeout is None else timeout
    deadline = time.monotonic() + seconds
    left_over = [client for client in list(_clients) if not client.flush(max(0.0, deadline - time.monotonic()))]
    return not left_over


def _to_dict(event: Any) -> dict[str, Any]:
    from openlineage.client.serde import Serde

    decoded: dict[str, Any] = json.loads(Serde.to_json(event))
    return decoded


def _flush_at_exit() -> None:
    for client in list(_clients):
        if client.pending:
            seconds = client.config.flush_timeout
            if not client.flush(min(seconds, 0.5)):
                print(  # noqa: T201 a person waits here
                    f"lineagehub: sending {client.pending} events (up to {seconds:g} s, Ctrl-C to skip)",
                    file=sys.stderr,
                )
                client.flush(seconds)
        if client.pending:
            log.warning("lineagehub: %d events were not sent before the process ended.", client.pending)
        else:
            with never_raise("closing the transport"):
                client.close()


atexit.register(_flush_at_exit)
