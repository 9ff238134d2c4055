"""The current run, by contextvars: it crosses awaits and tasks, and is each thread's own."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineagehub_sdk._run import Run

CURRENT: ContextVar[Run | None] = ContextVar("lineagehub_current_run", default=None)


def current_run() -> Run | None:
    """Return the run that this code is part of, or None."""
    return CURRENT.get()
