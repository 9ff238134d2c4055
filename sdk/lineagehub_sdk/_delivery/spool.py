"""The spools of a user: which one a configuration has, and what the command line does with them.

    <state>/lineagehub/spool/http-hub.example.com-1f0c…/     one directory a destination and key, 0700, shared by processes
        01764190000000000000-4711.segment                    written by one process, which holds its lock as long as it lives
        01764190000000000000-4711.corrupt, .refused          lines that are not sent again, kept for people

`spool_share` is what a process does in one of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery import spool_segment
from lineagehub_sdk._delivery.spool_segment import CORRUPT, REFUSED, SEGMENT
from lineagehub_sdk._delivery.spool_share import Spool, segments
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports import TRANSPORTS


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
            for name in [] if only_set_aside else segments(opened):
                descriptor = spool_segment.take(opened, name)
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
                    content = spool_segment.read(descriptor)
                finally:
                    os.close(descriptor)
                size += len(content)
                if name.endswith(CORRUPT):
                    corrupt += content.count(b"\n")
                elif name.endswith(REFUSED):
                    refused += content.count(b"\n")
                elif name.endswith(SEGMENT):
                    about = about or spool_segment.read_header(content)
                    held, _ = spool_segment.decode(content)
                    segments, events = segments + 1, events + len(held)
                    oldest = min(
                        [event.timestamp_ms for event in held] + ([] if oldest is None else [oldest]), default=None
                    )
                    free = spool_segment.take(directory, name)
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
    directory = spool_segment.open_directory(path)
    try:
        yield directory
    finally:
        os.close(directory)


def _key_id(api_key: str) -> str:
    """Return the id of a key, which is no secret; for one that is none, something that tells it from others."""
    if not api_key:
        return ""
    try:
        return _wire.split_api_key(api_key)[1]
    except ValueError:
        return hashlib.sha256(api_key.encode()).hexdigest()[:8]
