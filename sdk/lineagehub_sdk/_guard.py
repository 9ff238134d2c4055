"""The guard around everything that we do inside a user's call: our faults are logged once a kind, and never raised."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

log = logging.getLogger("lineagehub_sdk")

_reported: set[tuple[str, type[BaseException]]] = set()


@contextlib.contextmanager
def never_raise(doing: str) -> Iterator[None]:
    """Swallow any Exception of the body and log it, once for each kind; re-raise under LINEAGEHUB_STRICT=1."""
    try:
        yield
    except Exception as error:
        if os.environ.get("LINEAGEHUB_STRICT") == "1":
            raise
        kind = (doing, type(error))
        if kind not in _reported:
            _reported.add(kind)
            log.warning("lineagehub: %s failed (%r); the pipeline goes on, without it.", doing, error)
