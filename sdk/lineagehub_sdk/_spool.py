"""The spool: where events wait on disk while the hub is away, and what the command line does with it.

    <state>/lineagehub/spool/http-hub.example.com-1f0c…/     one directory a destination and key, 0700, shared by processes
        01764190000000000000-4711.segment                    written by one process, which holds its lock as long as it lives
        01764190000000000000-4711.corrupt, .refused          lines that are not sent again, kept for people

Events of one process go out in the order in which they came. A segment is removed once all of it was sent; a process that dies before
leaves it to whoever finds it, who sends it from its beginning: event ids make that harmless. `Spool` is one process' share, used
by `_delivery`; `spool_status`, `send_spool` and `purge_spool` are for the command line.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lineagehub_sdk import _spool_segment, _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._spool_segment import CORRUPT, REFUSED, SEGMENT
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports import TRANSPORTS
from lineagehub_sdk.transports._transport import PreparedEvent

SEGMENT_BYTES = 4 * 1024 * 1024
"""A segment is read as a whole, and sent again as a whole after a crash."""
LINES_A_WRITE = 32
"""Of few events; of many a sixteenth. Making the lines holds the interpreter's lock, 3 us a line, and writing lets it go."""


@dataclass
class _Held:
    """A segment that this process owns. `events` are what is still to be sent, once it was read."""

    name: str
    descriptor: int
    count: int = 0
    events: deque[PreparedEvent] | None = None


@dataclass
class Spool:
    """One process' share of the spool of one destination. May be used by several threads."""

    path: str
    destination: str
    key_id: str
    size: int
    """Bytes of the whole directory, at most."""
    damaged: int = 0
    """Lines that were set aside because their checksum is wrong."""
    _directory: int = -1
    _own: deque[_Held] = field(default_factory=deque)
    _adopted: deque[_Held] = field(default_factory=deque)
    _active: _Held | None = None
    _skip: int = 0
    _unsynced: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def own(self) -> int:
        """How many events of this process wait here."""
        return sum(held.count for held in self._own) - self._skip

    @property
    def adopted(self) -> int:
        """How many events of dead processes wait here, in the segment that this process has adopted."""
        return sum(held.count for held in self._adopted)

    @property
    def unsynced(self) -> bool:
        """Whether something was written since the last `sync`."""
        return self._unsynced

    def append(self, events: list[PreparedEvent]) -> int:
        """Write events; return how many, from the first. They are safe from a crash of the machine after `sync`.

        Raises OSError when none can be written, ENOSPC also when the spool has its size.
        """
        written = 0
        lines_a_write = max(LINES_A_WRITE, len(events) // 16)
        with self._lock:
            try:
                room = self.size - self._bytes()
                while written < len(events):
                    part = events[written : written + lines_a_write]
                    lines = b"".join(_spool_segment.encode(part))
                    room -= len(lines)
                    if room < 0:
                        raise OSError(errno.ENOSPC, f"the spool has its size of {self.size} bytes", self.path)
                    active = self._writable()
                    _spool_segment.append(active.descriptor, lines)
                    self._unsynced = True
                    active.count += len(part)
                    written += len(part)
            except OSError:
                if not written:
                    raise
        return written

    def sync(self) -> None:
        """Have the disk take what was written. Raises OSError."""
        with self._lock:
            if not self._unsynced or self._active is None:
                return
            descriptor = os.dup(self._active.descriptor)
            self._unsynced = False
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def skip(self, count: int) -> None:
        """Count the first events of this process as sent, though they are not read."""
        with self._lock:
            self._skip += count
            if not self.own:
                self.next_events(1, own=True)

    def next_events(self, count: int, *, own: bool) -> list[PreparedEvent]:
        """Return the oldest events, at most so many: of this process, or of the adopted segment. `sent` forgets them."""
        with self._lock:
            while held := self._oldest(own):
                if held.events is None:
                    self._read(held)
                assert held.events is not None
                skipped = min(self._skip, len(held.events)) if own else 0
                for _ in range(skipped):
                    held.events.popleft()
                self._skip -= skipped
                held.count = len(held.events)
                if held.events:
                    return [held.events[index] for index in range(min(count, held.count))]
                self._remove(held, own)
            return []

    def sent(self, count: int, *, own: bool, refused: list[PreparedEvent]) -> None:
        """Forget the first events that `next_events` gave; keep the refused ones aside, for people."""
        with self._lock:
            held = self._own[0] if own else self._adopted[0]
            assert held.events is not None
            self._set_aside(held, REFUSED, _spool_segment.encode(refused))
            for _ in range(count):
                held.events.popleft()
            held.count -= count
            if not held.count:
                self._remove(held, own)

    def adopt(self) -> bool:
        """Take the oldest segment of a dead process, if there is one and none is taken already; return whether one is taken."""
        with self._lock:
            if self._adopted:
                return True
            if self._directory < 0 and not os.path.isdir(self.path):
                return False
            mine = {held.name for held in self._own}
            for name in _segments(self._open()):
                if name not in mine and (descriptor := _spool_segment.take(self._open(), name)) is not None:
                    held = _Held(name, descriptor)
                    self._adopted.append(held)
                    self._read(held)
                    if held.count:
                        return True
                    self._remove(held, own=False)
            return False

    def release(self) -> None:
        """Let go of everything: what was not sent is for the next process."""
        with self._lock:
            with contextlib.suppress(OSError):
                self.sync()
            self.close()

    def close(self) -> None:
        """Close the descriptors and nothing else: all that a forked child may do with what its parent owns."""
        for held in [*self._own, *self._adopted]:
            with contextlib.suppress(OSError):
                os.close(held.descriptor)
        if self._directory >= 0:
            os.close(self._directory)
        self._own, self._adopted, self._active, self._skip, self._directory = deque(), deque(), None, 0, -1

    def _open(self) -> int:
        if self._directory < 0:
            self._directory = _spool_segment.open_directory(self.path)
        return self._directory

    def _bytes(self) -> int:
        directory = self._open()
        total = 0
        for name in os.listdir(directory):
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(name, dir_fd=directory, follow_symlinks=False).st_size
        return total

    def _writable(self) -> _Held:
        if self._active is not None and os.fstat(self._active.descriptor).st_size >= SEGMENT_BYTES:
            self.sync()
            self._active = None
        if self._active is None:
            directory = self._open()
            name = f"{time.time_ns():020d}-{os.getpid()}{SEGMENT}"
            held = _Held(name, _spool_segment.create(directory, name))
            self._own.append(held)
            self._active = held
            _spool_segment.append(held.descriptor, _spool_segment.header(self.destination, self.key_id))
            os.fsync(directory)
        return self._active

    def _oldest(self, own: bool) -> _Held | None:
        waiting = self._own if own else self._adopted
        if not waiting:
            return None
        if waiting[0] is self._active:
            with contextlib.suppress(OSError):
                self.sync()
            self._active = None
        return waiting[0]

    def _read(self, held: _Held) -> None:
        try:
            events, damaged = _spool_segment.decode(_spool_segment.read(held.descriptor))
        except OSError:
            events, damaged = [], []
        held.events, held.count = deque(events), len(events)
        self.damaged += len(damaged)
        self._set_aside(held, CORRUPT, [line + b"\n" for line in damaged])

    def _set_aside(self, held: _Held, suffix: str, lines: list[bytes]) -> None:
        if lines:
            with contextlib.suppress(OSError):
                _spool_segment.set_aside(self._open(), held.name.removesuffix(SEGMENT) + suffix, b"".join(lines))

    def _remove(self, held: _Held, own: bool) -> None:
        (self._own if own else self._adopted).remove(held)
        with contextlib.suppress(OSError):
            os.unlink(held.name, dir_fd=self._open())
        os.close(held.descriptor)


def spool_of(config: LineageHubConfig, transport: str) -> Spool | None:
    """Return the spool of a configuration and one of its transports, nothing opened yet; None where there is none to be.

    That is: a size of 0, a transport that is never away, nothing configured, or a system without flock.
    """
    destination = TRANSPORTS[transport].destination(config) if transport in TRANSPORTS else ""
    if not destination or not config.spool_size or os.name != "posix":
        return None
    key_id = _key_id(config.api_key)
    digest = hashlib.sha256("\n".join((destination, config.namespace, key_id)).encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", destination)[:60].strip("-.")
    path = os.path.join(spool_directory(config), f"{readable}-{digest}")
    return Spool(path, destination, key_id, config.spool_size)


def spool_directory(config: LineageHubConfig) -> str:
    """Return the directory of all spools: `spool_directory`, else lineagehub/spool below XDG_STATE_HOME or ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return config.spool_directory or os.path.join(state, "lineagehub", "spool")


@dataclass(frozen=True)
class SpoolStatus:
    """What waits for one destination and key. `in_use`: events in segments of living processes, which send them themselves."""

    path: str
    destination: str
    key_id: str
    segments: int
    events: int
    in_use: int
    bytes: int
    corrupt: int
    refused: int
    oldest_ms: int | None
    """When the oldest event was emitted, in milliseconds since the epoch."""


@dataclass(frozen=True)
class SpoolSent:
    """What became of a spool: events sent, refused for good, damaged (both kept aside), and why it ended early, if it did."""

    sent: int
    refused: int
    damaged: int
    error: str | None


def spool_status(directory: str) -> list[SpoolStatus]:
    """Return what waits below `spool_directory(config)`, by destination. Raises OSError for a directory that cannot be read."""
    if not os.path.isdir(directory):
        return []
    entries = sorted(entry.path for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False))
    return [_status(path) for path in entries]


def send_spool(config: LineageHubConfig, progress: Callable[[SpoolSent], None] = lambda sent: None) -> list[SpoolSent]:
    """Send what dead processes left for the configuration's destinations; one result for each of its transports that has a spool.

    `progress` is called after each batch. Nothing is waited for: a hub that is away ends it with `error`. Raises OSError.
    """
    spools = [(name, spool_of(config, name)) for name in config.transports]
    return [_send(config, name, spool, progress) for name, spool in spools if spool is not None]


def purge_spool(directory: str, *, only_set_aside: bool = False) -> int:
    """Remove what waits below a directory, whoever it is for, or only what was set aside; return how many files. Raises OSError.

    Segments of living processes stay.
    """
    removed = 0
    for status in spool_status(directory):
        with _opened(status.path) as opened:
            for name in os.listdir(opened):
                if name.endswith((CORRUPT, REFUSED)):
                    os.unlink(name, dir_fd=opened)
                    removed += 1
            for name in [] if only_set_aside else _segments(opened):
                descriptor = _spool_segment.take(opened, name)
                if descriptor is not None:
                    os.unlink(name, dir_fd=opened)
                    os.close(descriptor)
                    removed += 1
    return removed


def _send(config: LineageHubConfig, name: str, spool: Spool, progress: Callable[[SpoolSent], None]) -> SpoolSent:
    total = SpoolSent(0, 0, 0, None)
    if not os.path.isdir(spool.path):
        return total
    try:
        transport = TRANSPORTS[name](config)
    except TransportRefused as error:
        return SpoolSent(0, 0, 0, str(error))
    try:
        while spool.adopt():
            events = spool.next_events(config.batch_size, own=False)
            refusals = transport.send(events)
            spool.sent(len(events), own=False, refused=[refusal.event for refusal in refusals])
            sent, refused = total.sent + len(events) - len(refusals), total.refused + len(refusals)
            total = SpoolSent(sent, refused, spool.damaged, None)
            progress(total)
    except (TransportRefused, TransportUnavailable) as error:
        return SpoolSent(total.sent, total.refused, spool.damaged, str(error))
    finally:
        transport.close()
        spool.release()
    return SpoolSent(total.sent, total.refused, spool.damaged, None)


def _status(path: str) -> SpoolStatus:
    events = in_use = size = corrupt = refused = segments = 0
    oldest: int | None = None
    about: dict[str, object] = {}
    with _opened(path) as directory:
        for name in sorted(os.listdir(directory)):
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                try:
                    content = _spool_segment.read(descriptor)
                finally:
                    os.close(descriptor)
                size += len(content)
                if name.endswith(CORRUPT):
                    corrupt += content.count(b"\n")
                elif name.endswith(REFUSED):
                    refused += content.count(b"\n")
                elif name.endswith(SEGMENT):
                    about = about or _spool_segment.read_header(content)
                    held, _ = _spool_segment.decode(content)
                    segments, events = segments + 1, events + len(held)
                    oldest = min(
                        [event.timestamp_ms for event in held] + ([] if oldest is None else [oldest]), default=None
                    )
                    free = _spool_segment.take(directory, name)
                    if free is None:
                        in_use += len(held)
                    else:
                        os.close(free)
    return SpoolStatus(
        path,
        str(about.get("destination", "")),
        str(about.get("key_id", "")),
        segments,
        events,
        in_use,
        size,
        corrupt,
        refused,
        oldest,
    )


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    directory = _spool_segment.open_directory(path)
    try:
        yield directory
    finally:
        os.close(directory)


def _segments(directory: int) -> list[str]:
    """Return the segments by age."""
    return sorted(name for name in os.listdir(directory) if name.endswith(SEGMENT))


def _key_id(api_key: str) -> str:
    """Return the id of a key, which is no secret; for one that is none, something that tells it from others."""
    if not api_key:
        return ""
    try:
        return _wire.split_api_key(api_key)[1]
    except ValueError:
        return hashlib.sha256(api_key.encode()).hexdigest()[:8]
