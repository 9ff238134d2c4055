"""The client behind everything: it takes events for its deliveries (`_delivery.delivery`), and sees to forks and to the end of the process.

`emit` never blocks and never raises. After a fork the child has fresh, empty deliveries and threads of its own. At the end what waits is
sent, or written to disk. Several transports ("file+http") are several deliveries: none waits for another.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import threading
import time
import weakref
from typing import Any, Unpack

from lineagehub_sdk._config import ARGUMENT, ConfigurationArguments, LineageHubConfig, resolve
from lineagehub_sdk._delivery import importing
from lineagehub_sdk._delivery.delivery import Delivery, Taken
from lineagehub_sdk._delivery.encoding import Unwritten, now_ms, prepare, snapshot
from lineagehub_sdk._guard import is_strict, never_raise, show_debugging, warn, warn_once
from lineagehub_sdk.errors import TransportRefused
from lineagehub_sdk.transports import TRANSPORTS
from lineagehub_sdk.transports._transport import Transport

WARN_EVERY_SECONDS = 60.0
QUIET_FLUSH_SECONDS = 0.5
"""How long the end of a process may take before a person is told why."""
CLOSE_SECONDS = 1.0
PARK_SECONDS = 3.0
LONGEST_IMPORT_SECONDS = 30.0
"""How long a fork waits for the imports of our threads: 50 ms, on an overloaded machine seconds."""


class Client:
    """Takes events and has them sent, by one delivery for each transport of the configuration."""

    def __init__(self, config: LineageHubConfig) -> None:
        self.config = config
        self._flushes_at_end = False
        self._inherited: list[object] = []
        self._deliveries: tuple[Delivery, ...] = ()
        self._begin_process()
        _clients.add(self)
        if config.debug:
            show_debugging()

    def emit(self, event: dict[str, Any], event_id: str | None = None) -> None:
        """Queue an event as it is now. Raises ValueError for an id that is none, and, if strict, for what is no event."""
        taken = (snapshot(event), _canonical_id(event_id) if event_id else None, now_ms())
        if is_strict():
            prepare(*taken)
        self._put(taken)

    def emit_run(self, event: Unwritten) -> None:
        """Queue an event of a run of this process, which nobody changes any more."""
        self._put((event, None, now_ms()))

    def _put(self, taken: Taken) -> None:
        if not self._flushes_at_end:
            self._flushes_at_end = True
            _flush_at_end_of_multiprocessing_child()
        for delivery in self._deliveries:
            delivery.put(taken)

    def flush(self, timeout: float, *, patient: bool = True) -> bool:
        """Wait until everything is sent, at most `timeout` seconds; return whether nothing is left.

        Who is not `patient` has the answer as soon as the hub was asked in vain and everything is safe on disk.
        """
        deadline = time.monotonic() + timeout
        left_over = [
            delivery
            for delivery in self._deliveries
            if not delivery.flush(max(0.0, deadline - time.monotonic()), patient=patient)
        ]
        return not left_over

    def park(self, timeout: float) -> None:
        """Have everything that is in memory written to disk, where there is a spool; wait for that at most `timeout` seconds."""
        for delivery in self._deliveries:
            delivery.park(timeout)

    def close(self, timeout: float) -> None:
        """Have the threads send what waits, close the transports and end; wait for that at most `timeout` seconds."""
        for delivery in self._deliveries:
            delivery.close(timeout)

    @property
    def pending(self) -> int:
        """How many events wait or are on their way, in memory and on disk; one for each transport."""
        return sum(delivery.pending for delivery in self._deliveries)

    @property
    def in_memory(self) -> int:
        """How many of them would be lost if the process died now."""
        return sum(delivery.in_memory for delivery in self._deliveries)

    @property
    def away(self) -> bool:
        """Whether all that waits is on disk or waits for a hub that does not answer."""
        return all(delivery.away for delivery in self._deliveries if delivery.pending)

    @property
    def spool_paths(self) -> list[str]:
        """Where events wait on disk."""
        return [each.spool_path for each in self._deliveries if each.spool_path and each.pending > each.in_memory]

    @property
    def sent(self) -> int:
        """How many events the other sides took."""
        return sum(delivery.sent for delivery in self._deliveries)

    @property
    def dropped(self) -> int:
        """How many events found no room."""
        return sum(delivery.dropped for delivery in self._deliveries)

    @property
    def refused(self) -> int:
        """How many events will never be taken, or were none."""
        return sum(delivery.refused for delivery in self._deliveries)

    @property
    def coerced(self) -> int:
        """How many events held values that JSON does not know."""
        return sum(delivery.coerced for delivery in self._deliveries)

    def _begin_process(self) -> None:
        """Begin afresh, at first and in a forked child: the parent's events are the parent's to send."""
        self._flushes_at_end = False
        # Kept, never used: to close a parent's connections from here would disturb them.
        self._inherited += [delivery.abandon() for delivery in self._deliveries]
        self._warned_at: dict[str, float] = {}
        self._deliveries = tuple(
            Delivery(self.config, name, _open_transport, self._warn) for name in self.config.transports
        )

    def _warn(self, kind: str, message: str) -> None:
        now = time.monotonic()
        if now - self._warned_at.get(kind, -WARN_EVERY_SECONDS) >= WARN_EVERY_SECONDS:
            self._warned_at[kind] = now
            warn(message)


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_current: Client | None = None
_current_lock = threading.Lock()
_imports_held = False


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
        current_client().emit(event if isinstance(event, dict) else to_dict(event), event_id)


def flush(timeout: float | None = None) -> bool:
    """Wait until every event is sent or refused, at most `timeout` seconds; return whether nothing is left.

    Without a timeout: at most flush_timeout, and no longer than it takes to see that the hub is away and everything safe on disk.
    """
    seconds = current_config().flush_timeout if timeout is None else timeout
    return _flush_all(time.monotonic() + seconds, patient=timeout is not None)


def _flush_all(deadline: float, *, patient: bool) -> bool:
    left_over = [
        client for client in list(_clients) if not client.flush(max(0.0, deadline - time.monotonic()), patient=patient)
    ]
    return not left_over


def _open_transport(config: LineageHubConfig, name: str) -> Transport:
    if name == "console" and not config.transport and not config.dry_run:
        warn_once("no hub", "LINEAGEHUB_URL is not set; lineage is printed and sent nowhere")
    if name not in TRANSPORTS:
        raise TransportRefused(f"LINEAGEHUB_TRANSPORT is {name!r}; it is one of {', '.join(TRANSPORTS)}")
    return TRANSPORTS[name](config)


def _canonical_id(event_id: str) -> str:
    # It imports `platform`, which few need.
    import uuid

    return uuid.UUID(event_id).hex


def to_dict(event: Any) -> dict[str, Any]:
    """Return an event of openlineage-python as plain data."""
    from openlineage.client.serde import Serde

    decoded: dict[str, Any] = json.loads(Serde.to_json(event))
    return decoded


def _flush_at_exit() -> None:
    clients = list(_clients)
    # What a hub that is away has not yet taken is for the disk: nobody waits for that.
    waiting = [client for client in clients if client.pending and not (client.away and client.spool_paths)]
    if waiting:
        seconds = max(client.config.flush_timeout for client in waiting)
        deadline = time.monotonic() + seconds
        with contextlib.suppress(KeyboardInterrupt):
            if not _flush_all(min(deadline, time.monotonic() + QUIET_FLUSH_SECONDS), patient=False) and any(
                client.in_memory or not client.away for client in waiting
            ):
                print(  # noqa: T201 a person waits here
                    f"lineagehub: sending {sum(client.pending for client in waiting)} events "
                    f"(up to {seconds:g} s, Ctrl-C to skip)",
                    file=sys.stderr,
                )
                _flush_all(deadline, patient=False)
    for client in clients:
        client.park(PARK_SECONDS)
        lost = {"not sent": client.in_memory, "dropped (the queue was full)": client.dropped, "refused": client.refused}
        if any(lost.values()):
            warn("events lost: " + ", ".join(f"{count} {how}" for how, count in lost.items() if count))
        if on_disk := client.pending - client.in_memory:
            warn(
                f"{on_disk} events wait on disk ({', '.join(client.spool_paths)}); "
                "the next process sends them, or: lineagehub-sdk spool send"
            )
        if not client.pending:
            client.close(CLOSE_SECONDS)


def _flush_at_end_of_multiprocessing_child() -> None:
    # Children of multiprocessing end by os._exit, past atexit; its own finalizers are what they run.
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _flush_at_exit, exitpriority=0)


def _hold_imports() -> None:
    global _imports_held
    _imports_held = importing.lock.acquire(timeout=LONGEST_IMPORT_SECONDS)


def _release_imports() -> None:
    if _imports_held:
        importing.lock.release()


def _begin_child() -> None:
    global _current_lock
    _current_lock, importing.lock = threading.Lock(), threading.Lock()
    for client in list(_clients):
        client._begin_process()


atexit.register(_flush_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_imports, after_in_parent=_release_imports, after_in_child=_begin_child)
