"""The SDK's errors. None of them ever reaches a pipeline, unless LINEAGEHUB_STRICT=1.

LineageHubSdkError
├── TransportRefused      the same events can never be taken: they are dropped and counted
└── TransportUnavailable  the hub or the broker is away: the events are kept and sent again
"""

from __future__ import annotations


class LineageHubSdkError(Exception):
    """Base of the SDK's errors."""


class TransportRefused(LineageHubSdkError):
    """The same events can never be taken."""


class TransportUnavailable(LineageHubSdkError):
    """Try again, not before `retry_after_seconds` if the other side said so."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
