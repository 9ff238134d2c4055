"""None: forgets everything. `LINEAGEHUB_DISABLED=true` chooses it."""

from __future__ import annotations

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal


class NoneTransport:
    """Forgets."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport."""
        return ""

    def __init__(self, config: LineageHubConfig) -> None:
        """Takes no configuration."""

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        return []

    def close(self) -> None:
        """See Transport: nothing is open."""
