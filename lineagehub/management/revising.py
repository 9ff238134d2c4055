"""Changing a record of the control topic: on the revision that the caller names, or on whatever is there.

Shared by namespaces.py, api_keys.py and limits.py.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TypeVar

from lineagehub.contract.control import ControlRecord
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.refusals import RevisionConflict

ATTEMPTS = 5

Expected = Set[int] | None
"""The revisions that a caller will change; None: any."""

R = TypeVar("R", bound=ControlRecord)


def require_revision(revision: int, expected: Expected) -> None:
    """Raise RevisionConflict unless this revision is one that the caller expects."""
    if expected is not None and revision not in expected:
        raise RevisionConflict(
            f"It was changed meanwhile: it is at revision {revision}, not at the one of If-Match. Read it again."
        )


async def revise(control: ControlPlane, current: Callable[[], R], change: Callable[[R], R], expected: Expected) -> R:
    """Change what is there and return it as it is in force then; `change` returns its argument when there is nothing to do.

    Without expected revisions a change that came late is made again on what came first. Raises RevisionConflict, Unavailable, and what
    `current` and `change` raise.
    """
    for _ in range(ATTEMPTS):
        held = current()
        require_revision(held.revision, expected)
        revised = change(held)
        if revised is held or await control.put(revised):
            return revised
    require_revision(current().revision, expected)
    raise RevisionConflict("Others change it all the time; send the same request again.")
