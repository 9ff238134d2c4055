"""One process' share of a spool: it writes segments of its own, and looks after those that dead processes left.

Events of one process go out in the order in which they came. A segment is removed once all of it was sent; a process that dies before
leaves it to whoever finds it, who sends it from its beginning: event ids make that harmless.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from lineagehub_sdk._delivery import spool_segment
from lineagehub_sdk._delivery.spool_segment import CORRUPT, REFUSED, SEGMENT
from lineagehub_sdk.transports._transport import PreparedEvent

SEGMENT_BYTES = 4 * 1024 * 1024
"""A segment is read as a whole, and sent again as a whole after a crash."""
LINES_A_WRITE = 32
"""Of up to 2,500 events; of 10,000 five hundred. Making the lines holds the interpreter's lock, 3 us a line, and writing lets it go."""


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
        lines_a_write = max(LINES_A_WRITE, len(events) ** 2 // 200_000)
        with self._lock:
            try:
                room = self.size - self._bytes()
                while written < len(events):
                    part = events[written : written + lines_a_write]
                    lines = b"".join(spool_segment.encode(part))
                    room -= len(lines)
                    if room < 0:
                        raise OSError(errno.ENOSPC, f"the spool has its size of {self.size} bytes", self.path)
                    active = self._writable()
                    spool_segment.append(active.descriptor, lines)
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
            self._set_aside(held, REFUSED, spool_segment.encode(refused))
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
            for name in segments(self._open()):
                if name not in mine and (descriptor := spool_segment.take(self._open(), name)) is not None:
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
            self._directory = spool_segment.open_directory(self.path)
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
            held = _Held(name, spool_segment.create(directory, name))
            self._own.append(held)
            self._active = held
            spool_segment.append(held.descriptor, spool_segment.header(self.destination, self.key_id))
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
            events, damaged = spool_segment.decode(spool_segment.read(held.descriptor))
        except OSError:
            events, damaged = [], []
        held.events, held.count = deque(events), len(events)
        self.damaged += len(damaged)
        self._set_aside(held, CORRUPT, [line + b"\n" for line in damaged])

    def _set_aside(self, held: _Held, suffix: str, lines: list[bytes]) -> None:
        if lines:
            with contextlib.suppress(OSError):
                spool_segment.set_aside(self._open(), held.name.removesuffix(SEGMENT) + suffix, b"".join(lines))

    def _remove(self, held: _Held, own: bool) -> None:
        (self._own if own else self._adopted).remove(held)
        with contextlib.suppress(OSError):
            os.unlink(held.name, dir_fd=self._open())
        os.close(held.descriptor)


def segments(directory: int) -> list[str]:
    """Return the segments by age."""
    return sorted(name for name in os.listdir(directory) if name.endswith(SEGMENT))
