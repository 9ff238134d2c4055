"""Where this code stands in lineage, by contextvars: it crosses awaits and tasks, and is each thread's own.

The bottom of the SDK's runs: `run` and `propagation` put themselves here; this imports neither.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from lineagehub_sdk._lineage.facets import parent_facet


class RunIdentity(NamedTuple):
    """What OpenLineage knows a run by."""

    run_id: str
    namespace: str
    job_name: str


class Ancestor:
    """What runs inside name as their parent: a run of this process, or of another one."""

    __slots__ = ("_as_parent",)

    def __init__(self) -> None:
        self._as_parent: dict[str, Any] | None = None

    @property
    def identity(self) -> RunIdentity:
        """This run."""
        raise NotImplementedError

    @property
    def root_identity(self) -> RunIdentity:
        """The outermost run that this one is part of."""
        raise NotImplementedError

    def as_parent(self) -> dict[str, Any]:
        """Return the parent facet of the runs inside: made once, and shared by all of them."""
        if self._as_parent is None:
            self._as_parent = parent_facet(self.identity, self.root_identity)
        return self._as_parent


CURRENT: ContextVar[Ancestor | None] = ContextVar("lineagehub_current_run", default=None)
