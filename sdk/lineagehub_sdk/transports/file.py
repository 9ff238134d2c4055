"""File: appends each event as one JSON line to LINEAGEHUB_FILE. For machines without a network; the lines can be sent later."""

from __future__ import annotations

import os

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal


class FileTransport:
    """Appends. Several processes may write to one file: a batch is one write."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport: a disk that is full has no room for a spool either."""
        return ""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused without a path."""
        if not config.file:
            raise TransportRefused("the file transport needs LINEAGEHUB_FILE, the path of a file of JSON lines")
        self._path = config.file

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        lines = memoryview(b"".join(event.body + b"\n" for event in events))
        try:
            descriptor = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600
            )
            try:
                while lines:
                    lines = lines[os.write(descriptor, lines) :]
            finally:
                os.close(descriptor)
        except OSError as error:
            raise TransportUnavailable(f"LINEAGEHUB_FILE cannot be written ({error})") from error
        return []

    def close(self) -> None:
        """See Transport: nothing is open."""
