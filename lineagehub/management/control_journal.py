"""The control topic's life beyond the embedded broker, which forgets everything when it dies: a journal beside the data.

`append` is called before a change is acknowledged (management/control_plane.py), with records that are in force and no others, and
returns once they are on disk; `records` gives what must be produced again when a new broker starts. Survives kill -9: a torn last line
is dropped, because its change was never acknowledged. Several processes may append, in any order: revisions tell which is the last.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lineagehub.contract.control import precedence_of
from lineagehub.settings import Settings


class ControlJournal:
    """An append-only file of control records, one JSON line each, fsynced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, key: bytes, value: bytes | None) -> None:
        """Write one record (None deletes the key) and wait until it is on disk. Blocks; raises OSError."""
        entry = {"key": key.decode(), "value": None if value is None else base64.b64encode(value).decode()}
        line = json.dumps(entry).encode() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _ends_torn(descriptor):
                line = b"\n" + line
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the value in force of each key, oldest key first; forgotten keys are left out."""
        latest: dict[bytes, bytes | None] = {}
        for key, value in self._entries():
            held = latest.get(key)
            if value is None or held is None or precedence_of(value) >= precedence_of(held):
                latest.pop(key, None)
                latest[key] = value
        yield from ((key, value) for key, value in latest.items() if value is not None)

    def compact(self) -> None:
        """Rewrite the file with what `records` gives. Called at start, before anyone appends."""
        temporary = self._path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        replacement = ControlJournal(temporary)
        temporary.touch(mode=0o600)
        for key, value in self.records():
            replacement.append(key, value)
        temporary.replace(self._path)

    def _entries(self) -> Iterator[tuple[bytes, bytes | None]]:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().split(b"\n"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            value = entry["value"]
            yield entry["key"].encode(), None if value is None else base64.b64decode(value)


def journal_append(settings: Settings) -> Callable[[bytes, bytes | None], None] | None:
    """Return what journals a record, or None where the broker itself is durable."""
    return ControlJournal(settings.control_journal).append if settings.control_journal else None


def _ends_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
