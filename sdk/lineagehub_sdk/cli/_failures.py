"""What ends a command early: a sentence, the next step, and the exit code (those of sysexits.h where there is one)."""

from __future__ import annotations

from lineagehub_sdk.errors import APIError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_ANSWER = 69
EXIT_TRY_AGAIN = 75
EXIT_NOT_ALLOWED = 77
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130


class Failure(Exception):
    """A failure that we can put into a sentence."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, next_step: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.next_step = next_step
        if exit_code is not None:
            self.exit_code = exit_code


class UsageFailure(Failure):
    """The words of the command line are not as they should be."""

    exit_code = EXIT_USAGE


def failure_of(error: Exception) -> Failure:
    """Return an error of whatever kind as a failure."""
    if isinstance(error, Failure):
        return error
    if not isinstance(error, APIError):
        return Failure(f"{type(error).__name__}: {error}", "the same with --debug, which shows where")
    if error.reason in ("configuration", "held_back") or 300 <= error.status < 400:
        return Failure(str(error), "lineagehub-sdk config --sources", EXIT_CONFIGURATION)
    if error.status in (401, 403):
        return Failure(
            str(error), "set LINEAGEHUB_API_KEY to a key of this hub; lineagehub-sdk config --sources", EXIT_NOT_ALLOWED
        )
    if error.status in (429, 503):
        seconds = error.retry_after_seconds
        return Failure(str(error), f"the same again{f' in {seconds:g} s' if seconds else ''}", EXIT_TRY_AGAIN)
    if error.is_transient:
        return Failure(
            str(error), "start the hub (lineagehub up), or set LINEAGEHUB_URL to where it is", EXIT_NO_ANSWER
        )
    return Failure(str(error), "lineagehub-sdk namespaces list" if error.status == 404 else "")
