"""Refusals in a row: how delivery tells bad records from a bad deployment (faults.md F18 and F19). One a Deliverer, in memory.

Pouring a whole topic into the dead letters because a view is missing helps nobody; waiting because one tenant sends what the
store refuses harms all others. So refusals for a reason of the system's count only in a row, without a success between, and
stop delivery only when they concern several namespaces, or records that the hub failed to check at all.
"""

from __future__ import annotations

MAXIMUM_IN_A_ROW = 100


class Refusals:
    """Counts what is refused for a reason of the system's since something last succeeded."""

    def __init__(self) -> None:
        self._count = 0
        self._namespaces: set[str | None] = set()

    def note(self, namespace: str | None) -> None:
        """Count one refusal. `namespace` is None when the hub could not even tell whose record it was."""
        self._count += 1
        self._namespaces.add(namespace)

    def end(self) -> None:
        """Begin again: something succeeded."""
        self._count = 0
        self._namespaces.clear()

    @property
    def are_systematic(self) -> bool:
        """Whether the fault is likely the system's, so that nothing more should be dead-lettered for it."""
        several = len(self._namespaces) > 1 or None in self._namespaces
        return several and self._count >= MAXIMUM_IN_A_ROW
