"""The guard around everything that we do inside a user's call: our faults are logged once a kind, and never raised."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Hashable, Iterator

log = logging.getLogger("lineagehub_sdk")

_reported: set[Hashable] = set()


@contextlib.contextmanager
def never_raise(doing: str, *, strict: bool = True) -> Iterator[None]:
    """Swallow any Exception of the body and log it, once for each kind.

    Under LINEAGEHUB_STRICT=1 it is raised, unless `strict` is False: a user's exception on its way stays in the foreground.
    """
    try:
        yield
    except Exception as error:
        if strict and is_strict():
            raise
        warn_once((doing, type(error)), f"{doing} failed ({error!r}); the pipeline goes on, without it")


def is_strict() -> bool:
    """Whether the SDK's own errors are to be raised: LINEAGEHUB_STRICT=1, for tests."""
    return os.environ.get("LINEAGEHUB_STRICT") == "1"


def warn_once(kind: Hashable, message: str) -> None:
    """Log a warning, unless this process has logged one of this kind before."""
    if kind not in _reported:
        _reported.add(kind)
        warn(message)


def warn(message: str) -> None:
    """Log a warning, as one sentence that says whose it is."""
    log.warning("lineagehub: %s.", message.rstrip("."))
