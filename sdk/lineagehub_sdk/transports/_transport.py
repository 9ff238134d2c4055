"""What a transport is: one way out. It is called by a delivery's sending thread only, and may block there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from lineagehub_sdk._config import LineageHubConfig


class PreparedEvent(NamedTuple):
    """An event ready to go: its JSON bytes (ASCII, one line), id, record key, and when it was emitted (milliseconds since the epoch)."""

    body: bytes
    event_id: str
    key: bytes
    timestamp_ms: int


@dataclass(frozen=True)
class Refusal:
    """An event that the other side will never take, and why."""

    event: PreparedEvent
    reason: str


class Transport(Protocol):
    """Sends batches. May be called again with the same batch: the hub recognises an event that it has."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """Return where events go, without secrets: what this transport cannot send now waits on disk, by destination.

        "" for a transport that has no other side, which is never away.
        """
        ...

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused for a configuration that cannot be; connects to nothing yet."""
        ...

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """Send all events; return those that were refused for good.

        Raises TransportUnavailable (send them again) or TransportRefused (never send them again). Anything else that it
        raises counts as the latter.
        """
        ...

    def close(self) -> None:
        """Close what is open. Called once; nothing is sent afterwards."""
        ...
