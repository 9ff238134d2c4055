"""The errors of LineageHub, in one tree.

    LineageHubError            anything we raise on purpose; str() is one sentence for a person
    ├── ConfigurationError     a setting is missing or wrong; nothing was started (exit code 78)
    ├── Retryable              a transient fault: the same call may succeed later (HTTP 503, retry in place)
    │   └── Unavailable        a named dependency (Kafka, ClickHouse, Marquez) does not answer (exit code 69)
    └── Permanent              the same data can never succeed: refuse it (HTTP 4xx) or dead-letter it with `reason`

Every part of the hub and every sink of the agents raises one of these; whoever catches an error needs to know only
whether to try again. Nothing here knows HTTP, Kafka or ClickHouse.
"""

from __future__ import annotations

from lineagehub.contract.reasons import Reason


class LineageHubError(Exception):
    """Base of every error that LineageHub raises on purpose."""


class ConfigurationError(LineageHubError):
    """A setting is missing or wrong. `next_step` says what to do, as a sentence or a command."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class Retryable(LineageHubError):
    """A transient fault: the same data may be sent again, unchanged."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Retryable):
    """`dependency` (for example "kafka") does not answer."""

    def __init__(self, dependency: str, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, retry_after_seconds)
        self.dependency = dependency


class Permanent(LineageHubError):
    """The same data can never succeed. `reason` is the closed vocabulary used as metric label, problem code and header."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
