"""Memory: keeps events in a list, for tests of pipelines."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal


class MemoryTransport:
    """Keeps everything in `events`, shared by the process."""

    events: ClassVar[list[dict[str, Any]]] = []

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport."""
        return ""

    def __init__(self, config: LineageHubConfig) -> None:
        """Takes no configuration."""

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        self.events.extend(json.loads(event.body) for event in events)
        return []

    def close(self) -> None:
        """See Transport: nothing is open."""
