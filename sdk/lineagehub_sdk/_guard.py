"""The guard around everything that we do inside a user's call: our faults are logged once a kind, and never raised."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable
from types import TracebackType

log = logging.getLogger("lineagehub_sdk")

_reported: set[Hashable] = set()


class never_raise:  # noqa: N801 it reads as a statement. A class: contextlib's costs four times as much
    """Swallow any Exception of the body and log it, once for each kind.

    Under LINEAGEHUB_STRICT=1 it is raised, unless `strict` is False: a user's exception on its way stays in the foreground.
    """

    __slots__ = ("_doing", "_strict")

    def __init__(self, doing: str, *, strict: bool = True) -> None:
        self._doing = doing
        self._strict = strict

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return isinstance(error, Exception) and swallows(self._doing, error, strict=self._strict)


def swallows(doing: str, error: Exception, *, strict: bool = True) -> bool:
    """Log an error of ours and return True; False if it is to be raised. For `except` where each call of a user's comes by:

    a `try` that succeeds costs nothing, a `with` three calls.
    """
    if strict and is_strict():
        return False
    warn_once((doing, type(error)), f"{doing} failed ({error!r}); the pipeline goes on, without it")
    return True


def is_strict() -> bool:
    """Whether the SDK's own errors are to be raised: LINEAGEHUB_STRICT=1, for tests."""
    return os.environ.get("LINEAGEHUB_STRICT") == "1"


def warn_once(kind: Hashable, message: str) -> None:
    """Log a warning, unless this process has logged one of this kind before."""
    if kind not in _reported:
        _reported.add(kind)
        warn(message)


def debug_once(kind: Hashable, message: str) -> None:
    """Log for those who look for it, once a kind: something is not there, and that is all right."""
    if kind not in _reported:
        _reported.add(kind)
        log.debug("lineagehub: %s.", message.rstrip("."))


def debug(message: str) -> None:
    """Log what is of interest to somebody who looks for a fault."""
    log.debug("lineagehub: %s.", message)


def show_debugging() -> None:
    """Show everything that is logged, on standard error unless the application has set up logging."""
    log.setLevel(logging.DEBUG)
    if not log.hasHandlers():
        log.addHandler(logging.StreamHandler())


def warn(message: str) -> None:
    """Log a warning, as one sentence that says whose it is."""
    log.warning("lineagehub: %s.", message.rstrip("."))
