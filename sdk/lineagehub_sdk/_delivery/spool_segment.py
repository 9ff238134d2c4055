"""The files of a spool: how a directory and a segment are opened, and how a record is written and read.

A segment is a text file: one line a record, which begins with the CRC-32 of its rest in hexadecimal.

    5d0c1f6a {"spool":1,"destination":"http https://hub.example.com","key_id":"Ab12Cd34"}
    91b3a07e {"id":"<32 hexadecimal digits>","ts":<ms since the epoch>,"key":"<record key>","event":{…}}

Whoever holds its lock (flock) owns a segment: the process that writes it, or, once that is dead, whoever takes it first. Used by `spool`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import zlib
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii
from typing import Any

from lineagehub_sdk.transports._transport import PreparedEvent

SEGMENT, CORRUPT, REFUSED = ".segment", ".corrupt", ".refused"
VERSION = 1
_EVENT = b',"event":'


def open_directory(path: str) -> int:
    """Return a descriptor of the directory, made (0700) if it is not there. Raises OSError, also for a link or another user's."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    try:
        if found.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "the spool directory is another user's", path)
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(descriptor, 0o700)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def create(directory: int, name: str) -> int:
    """Return a descriptor of a new segment, locked. Raises OSError, also when there is anything of that name."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        # Between creation and lock another may have taken it for a dead one's: then it is that one's to remove.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(descriptor).st_nlink:
            raise BlockingIOError(errno.EAGAIN, "another process took the segment", name)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def take(directory: int, name: str) -> int | None:
    """Return a descriptor of a segment whose owner is dead, locked; None when it lives, or another was first."""
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def append(descriptor: int, lines: bytes) -> None:
    """Append whole lines or nothing. Raises OSError."""
    before = os.fstat(descriptor).st_size
    view = memoryview(lines)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def set_aside(directory: int, name: str, lines: bytes) -> None:
    """Keep lines that are not to be sent beside the segments, for people. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        append(descriptor, lines)
    finally:
        os.close(descriptor)


def read(descriptor: int) -> bytes:
    """Return a whole segment. Raises OSError."""
    parts: list[bytes] = []
    offset = 0
    while part := os.pread(descriptor, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def header(destination: str, key_id: str) -> bytes:
    """Return the first line of a segment: for people, it names where the events go."""
    return _line(
        json.dumps({"spool": VERSION, "destination": destination, "key_id": key_id}, separators=(",", ":")).encode()
    )


def read_header(content: bytes) -> dict[str, Any]:
    """Return what the first line says; nothing when it is damaged."""
    payload = _payload(content.partition(b"\n")[0])
    try:
        return dict(json.loads(payload)) if payload and _EVENT not in payload else {}
    except (ValueError, TypeError):
        return {}


def encode(events: Iterable[PreparedEvent]) -> list[bytes]:
    """Return the line of each event."""
    return [
        _line(
            b'{"id":"%s","ts":%d,"key":%s,"event":%s}'
            % (
                event.event_id.encode(),
                event.timestamp_ms,
                encode_basestring_ascii(event.key.decode()).encode(),
                event.body,
            )
        )
        for event in events
    ]


def decode(content: bytes) -> tuple[list[PreparedEvent], list[bytes]]:
    """Return the events of a segment, in order, and the lines that are damaged."""
    events: list[PreparedEvent] = []
    damaged: list[bytes] = []
    lines = content.split(b"\n")
    torn = lines.pop()
    for line in lines:
        payload = _payload(line)
        event = None
        if payload is not None:
            if _EVENT not in payload:
                continue
            with contextlib.suppress(ValueError, LookupError, AttributeError):
                event = _read_event(payload)
        if event is None:
            damaged.append(line)
        else:
            events.append(event)
    if torn:
        damaged.append(torn)
    return events, damaged


def _line(payload: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def _payload(line: bytes) -> bytes | None:
    payload = line[9:]
    return payload if line[:9] == b"%08x " % zlib.crc32(payload) else None


def _read_event(payload: bytes) -> PreparedEvent:
    # A quotation mark inside the key is escaped: the first `,"event":` is ours.
    about, _, body = payload.partition(_EVENT)
    fields = json.loads(about + b"}")
    return PreparedEvent(body[:-1], fields["id"], fields["key"].encode(), fields["ts"])
