"""Console: prints each event as one JSON line on standard error. The default when no hub is configured."""

from __future__ import annotations

import sys

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal


class ConsoleTransport:
    """Prints."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport."""
        return ""

    def __init__(self, config: LineageHubConfig) -> None:
        """Takes no configuration."""

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        for event in events:
            print(event.body.decode(), file=sys.stderr)  # noqa: T201 what it is for
        return []

    def close(self) -> None:
        """See Transport: nothing is open."""
