"""The SDK's errors. None of them ever reaches a pipeline, unless LINEAGEHUB_STRICT=1; but for APIError, of the clients.

LineageHubSdkError
├── APIError              an explicit call of a client has no good answer: it is for the caller
├── TransportRefused      the same events can never be taken: they are dropped and counted
└── TransportUnavailable  the hub or the broker is away: the events are kept and sent again
"""

from __future__ import annotations

from typing import Any


class LineageHubSdkError(Exception):
    """Base of the SDK's errors."""


class TransportRefused(LineageHubSdkError):
    """The same events can never be taken."""


class TransportUnavailable(LineageHubSdkError):
    """Try again, not before `retry_after_seconds` if the other side said so."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class APIError(LineageHubSdkError):
    """An explicit call of a client that the hub refused, or did not answer.

    `status` is HTTP's, 0 without an answer; `reason` the hub's closed word for what is the matter (`unreachable` without an answer,
    `no_hub` for one that is none of a hub's); `detail` a sentence; `retry_after_seconds` when the hub wants to be asked again.
    """

    def __init__(
        self,
        detail: str,
        status: int = 0,
        reason: str = "unreachable",
        retry_after_seconds: float | None = None,
        response_data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = self.message = detail
        self.status = self.status_code = status
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        self.response_data = response_data or {}

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed later."""
        return self.reason in ("unreachable", "no_hub") or self.status in (408, 429, 502, 503, 504)
