"""The client behind everything: a bounded queue, one background thread, batches, retries, and a flush at exit.

`emit` never blocks and never raises. The thread starts with the first event; after a fork the child has a fresh, empty queue and a
thread of its own. A full queue drops the new event, counts it, and warns at most once a minute.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import itertools
import json
import os
import random
import sys
import threading
import time
import uuid
import weakref
from typing import Any, Unpack

from lineagehub_sdk._config import ARGUMENT, ConfigurationArguments, LineageHubConfig, resolve
from lineagehub_sdk._guard import never_raise, warn, warn_once
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports import TRANSPORTS
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal, Transport

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
WARN_EVERY_SECONDS = 60.0
QUIET_FLUSH_SECONDS = 0.5
"""How long the end of a process may take before a person is told why."""
CLOSE_SECONDS = 1.0


class Client:
    """Takes events and has them sent. `sent`, `dropped` (the queue was full) and `refused` count them, in this process."""

    def __init__(self, config: LineageHubConfig) -> None:
        self.config = config
        self._inherited: list[Transport] = []
        self._transport: Transport | None = None
        self._begin_process()
        _clients.add(self)

    def emit(self, event: dict[str, Any], event_id: str | None = None) -> None:
        """Queue an event. Raises TypeError or ValueError for one that is no JSON or no event; callers guard."""
        if self._process_id != os.getpid():
            self._begin_process()
        try:
            prepared = PreparedEvent.of(event, (uuid.UUID(event_id) if event_id else uuid.uuid4()).hex)
        except Exception:
            with self._changed:
                self.refused += 1
            raise
        with self._changed:
            taken = len(self._waiting) < self.config.queue_size
            if taken:
                self._start_worker()
                self._waiting.append(prepared)
                self._pending += 1
                # In between, the worker waits for the batch to fill, or for the interval to end.
                if len(self._waiting) in (1, self.config.batch_size):
                    self._changed.notify_all()
            else:
                self.dropped += 1
        if not taken:
            self._warn("full", f"the queue is full; {self.dropped} events were dropped so far")

    def flush(self, timeout: float) -> bool:
        """Wait until everything is sent, at most `timeout` seconds; return whether nothing is left."""
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._pending, timeout)
            self._hurried -= 1
            return not self._pending

    def close(self, timeout: float) -> None:
        """Have the thread send what waits, close the transport and end; wait for that at most `timeout` seconds."""
        with self._changed:
            worker = self._worker
            self._closing = True
            self._changed.notify_all()
        if worker is not None:
            worker.join(timeout)

    @property
    def pending(self) -> int:
        """How many events wait or are on their way."""
        return self._pending

    def _begin_process(self) -> None:
        """Begin afresh, at first and in a forked child: the parent's events are the parent's to send."""
        self._process_id = os.getpid()
        self._changed = threading.Condition()
        self._waiting: collections.deque[PreparedEvent] = collections.deque()
        self._pending = self._hurried = 0
        self._closing = False
        self._worker: threading.Thread | None = None
        if self._transport is not None:
            # Kept, never used: to close a parent's connections from here would disturb them.
            self._inherited.append(self._transport)
            self._transport = None
        self._warned_at: dict[str, float] = {}
        self.sent = self.dropped = self.refused = 0

    def _start_worker(self) -> None:
        if self._worker is None:
            worker = threading.Thread(target=self._work, name="lineagehub-sdk", daemon=True)
            worker.start()
            self._worker = worker
            _flush_at_end_of_multiprocessing_child()

    def _work(self) -> None:
        while True:
            if batch := self._next_batch():
                self._deliver(batch)
            elif self._end_worker():
                return

    def _deliver(self, batch: list[PreparedEvent]) -> None:
        try:
            refusals = self._send(batch)
        except Exception as error:
            # Our own fault must not end the thread, strict or not.
            refusals = [Refusal(event, repr(error)) for event in batch]
        if refusals:
            self._warn("refused", f"{len(refusals)} events were refused, the first because: {refusals[0].reason}")
        with self._changed:
            self.refused += len(refusals)
            self.sent += len(batch) - len(refusals)
            self._pending -= len(batch)
            self._changed.notify_all()

    def _end_worker(self) -> bool:
        """Close the transport, unless an event came meanwhile; the next event starts another thread."""
        with self._changed:
            if self._waiting:
                return False
            transport, self._transport, self._worker = self._transport, None, None
        if transport is not None:
            with never_raise("closing the transport", strict=False):
                transport.close()
        return True

    def _next_batch(self) -> list[PreparedEvent]:
        """Wait for events and return some; return none when the client is closed and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(
                lambda: len(self._waiting) >= self.config.batch_size or self._hurried or self._closing,
                self.config.flush_interval,
            )
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self.config.batch_size))]

    def _send(self, batch: list[PreparedEvent]) -> list[Refusal]:
        """Send a batch, as often as it takes; return what was refused."""
        for attempt in itertools.count():
            try:
                if self._transport is None:
                    self._transport = _open_transport(self.config)
                return self._transport.send(batch)
            except TransportRefused as error:
                return [Refusal(event, str(error)) for event in batch]
            except TransportUnavailable as error:
                self._warn("unavailable", f"not sent yet, trying again: {error}")
                time.sleep(_pause_seconds(attempt, error.retry_after_seconds))
        raise AssertionError("itertools.count() never ends")

    def _warn(self, kind: str, message: str) -> None:
        now = time.monotonic()
        if now - self._warned_at.get(kind, -WARN_EVERY_SECONDS) >= WARN_EVERY_SECONDS:
            self._warned_at[kind] = now
            warn(message)


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_current: Client | None = None
_current_lock = threading.Lock()


def current_client() -> Client:
    """Return the client in force, made from the environment on first use."""
    global _current
    if _current is None:
        with _current_lock:
            if _current is None:
                _current = Client(resolve({}))
    return _current


def current_config() -> LineageHubConfig:
    """Return the configuration in force."""
    return current_client().config


def configure(**arguments: Unpack[ConfigurationArguments]) -> LineageHubConfig:
    """Configure the SDK and return what is in force. Optional: the environment alone is enough.

    Arguments are the fields of LineageHubConfig; those of an earlier call hold on, until `reset_config()`. What was emitted before
    is sent by the former configuration.
    """
    with _current_lock:
        former = _current.config if _current is not None else None
    kept = (
        {name: getattr(former, name) for name, source in former.sources.items() if source == ARGUMENT} if former else {}
    )
    given = {name: value for name, value in arguments.items() if value is not None}
    config = resolve(kept | given)
    _replace_current(Client(config))
    return config


def reset_config() -> None:
    """Forget what was configured: the next use reads the environment anew. What was emitted before is still sent."""
    _replace_current(None)


def _replace_current(client: Client | None) -> None:
    global _current
    with _current_lock:
        former, _current = _current, client
    if former is not None:
        former.close(0)


def emit(event: Any, event_id: str | None = None) -> None:
    """Send an OpenLineage event: a dict, or an event of openlineage-python. Never blocks, never raises.

    Events of one `event_id` (a UUID; default: a new one) are one event to the hub. It counts on Kafka; over HTTP the hub makes the
    id from the content.
    """
    with never_raise("emitting an event"):
        current_client().emit(event if isinstance(event, dict) else _to_dict(event), event_id)


def flush(timeout: float | None = None) -> bool:
    """Wait until every event is sent or refused, at most `timeout` seconds (default: flush_timeout); True: nothing is left."""
    seconds = current_config().flush_timeout if timeout is None else timeout
    return _flush_all(time.monotonic() + seconds)


def _flush_all(deadline: float) -> bool:
    left_over = [client for client in list(_clients) if not client.flush(max(0.0, deadline - time.monotonic()))]
    return not left_over


def _open_transport(config: LineageHubConfig) -> Transport:
    name = config.effective_transport
    if name == "console" and not config.transport and not config.dry_run:
        warn_once("no hub", "LINEAGEHUB_URL is not set; lineage is printed and sent nowhere")
    if name not in TRANSPORTS:
        raise TransportRefused(f"LINEAGEHUB_TRANSPORT is {name!r}; it is one of {', '.join(TRANSPORTS)}")
    return TRANSPORTS[name](config)


def _pause_seconds(attempt: int, retry_after: float | None) -> float:
    """Jittered, so that many pipelines do not come back at the same moment; never before the hub wants to be asked again."""
    if retry_after is not None:
        return retry_after * random.uniform(1.0, 1.1)  # noqa: S311 jitter
    ceiling = min(FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 10), LONGEST_BACKOFF_SECONDS)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 jitter


def _to_dict(event: Any) -> dict[str, Any]:
    from openlineage.client.serde import Serde

    decoded: dict[str, Any] = json.loads(Serde.to_json(event))
    return decoded


def _flush_at_exit() -> None:
    pending = [client for client in list(_clients) if client.pending]
    if pending:
        seconds = max(client.config.flush_timeout for client in pending)
        deadline = time.monotonic() + seconds
        with contextlib.suppress(KeyboardInterrupt):
            if not _flush_all(min(deadline, time.monotonic() + QUIET_FLUSH_SECONDS)):
                print(  # noqa: T201 a person waits here
                    f"lineagehub: sending {sum(client.pending for client in pending)} events "
                    f"(up to {seconds:g} s, Ctrl-C to skip)",
                    file=sys.stderr,
                )
                _flush_all(deadline)
    for client in list(_clients):
        lost = {"not sent": client.pending, "dropped (the queue was full)": client.dropped, "refused": client.refused}
        if any(lost.values()):
            warn("events lost: " + ", ".join(f"{count} {how}" for how, count in lost.items() if count))
        if not client.pending:
            client.close(CLOSE_SECONDS)


def _flush_at_end_of_multiprocessing_child() -> None:
    # Children of multiprocessing end by os._exit, past atexit; its own finalizers are what they run.
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _flush_at_exit, exitpriority=0)


def _begin_child() -> None:
    global _current_lock
    _current_lock = threading.Lock()
    for client in list(_clients):
        client._begin_process()


atexit.register(_flush_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
