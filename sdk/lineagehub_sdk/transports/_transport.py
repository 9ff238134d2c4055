"""What a transport is: one way out. It is called by the client's background thread only, and may block there."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

from lineagehub_sdk import _wire


@dataclass(frozen=True)
class PreparedEvent:
    """An event ready to go: its JSON bytes, id, record key, and when it was emitted (milliseconds since the epoch)."""

    body: bytes
    event_id: str
    key: bytes
    timestamp_ms: int

    @classmethod
    def of(cls, event: dict[str, Any], event_id: str) -> PreparedEvent:
        """Encode an event now, so that later changes of the caller's dict do not matter.

        Raises TypeError or ValueError for what is no JSON, ValueError for what is no event.
        """
        body = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
        return cls(body, event_id, _wire.lineage_key(event), time.time_ns() // 1_000_000)


@dataclass(frozen=True)
class Refusal:
    """An event that the other side will never take, and why."""

    event: PreparedEvent
    reason: str


class Transport(Protocol):
    """Sends batches. May be called again with the same batch: the hub recognises an event that it has."""

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """Send all events; return those that were refused for good.

        Raises TransportUnavailable (send them again) or TransportRefused (never send them again). Anything else that it
        raises counts as the latter.
        """
        ...

    def close(self) -> None:
        """Close what is open. Called once; nothing is sent afterwards."""
        ...
