"""Makes, changes and deletes namespaces, audited. Called by the web's management routes and `lineagehub retention set`.

Deleting is in two steps: here the namespace's keys die, within seconds everywhere; its data go soon after (namespace_purge.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.contract.audit import Action
from lineagehub.contract.control import NamespaceRecord
from lineagehub.management.audited import audited
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.refusals import BeingDeleted, NamespaceExists, NotThere
from lineagehub.management.revising import Expected, require_revision, revise


class NamespaceManager:
    """Namespaces, on behalf of somebody. Calls may be concurrent, also in other processes."""

    def __init__(self, control: ControlPlane, audit: AuditLog) -> None:
        self._control = control
        self._audit = audit

    def live(self, name: str) -> NamespaceRecord:
        """Return a namespace that is not deleted, or raise NotThere."""
        record = self._control.directory.namespaces.get(name)
        if record is None:
            raise NotThere(f"There is no namespace {name!r}.")
        return record

    def there(self, name: str) -> NamespaceRecord:
        """Return a namespace that is live, or deleted but not yet gone; or raise NotThere."""
        deleted = self._control.directory.deleted_namespace(name)
        return deleted if deleted is not None and deleted.purged_at is None else self.live(name)

    async def create(self, origin: Origin, name: str, fields: Mapping[str, Any]) -> NamespaceRecord:
        """Make a namespace with a new identity and return it. Raises NamespaceExists, BeingDeleted, Unavailable."""
        self._require_free(name)
        async with audited(self._audit, origin, Action.NAMESPACE_CREATE, name, _names(fields)) as result:
            former = self._require_free(name)
            record = new_namespace(name, former, **fields)
            if not await self._control.put(record):
                self._require_free(name)
                raise NamespaceExists(f"A namespace {name!r} was made at the same moment.")
            result |= {"id": str(record.id), "revision": record.revision}
        return record

    async def change(
        self, origin: Origin, name: str, fields: Mapping[str, Any], expected: Expected = None
    ) -> NamespaceRecord:
        """Give these fields these values and return the namespace. What it has already is no change.

        Raises NotThere, RevisionConflict, Unavailable.
        """

        def change(record: NamespaceRecord) -> NamespaceRecord:
            changes = {field: value for field, value in fields.items() if getattr(record, field) != value}
            return changed_namespace(record, **changes) if changes else record

        held = self.live(name)
        require_revision(held.revision, expected)
        if change(held) is held:
            return held
        async with audited(self._audit, origin, Action.NAMESPACE_CHANGE, name, _names(fields)) as result:
            record = await revise(self._control, lambda: self.live(name), change, expected)
            result["revision"] = record.revision
        return record

    async def delete(self, origin: Origin, name: str, expected: Expected = None) -> NamespaceRecord:
        """Delete a namespace and return its record; one that is being deleted already is returned as it is.

        Its keys are dead from now on. Raises NotThere, RevisionConflict, Unavailable.
        """

        def delete(record: NamespaceRecord) -> NamespaceRecord:
            if record.deleted_at is not None:
                return record
            return changed_namespace(record, deleted_at=datetime.now(UTC))

        held = self.there(name)
        if held.deleted_at is not None:
            return held
        require_revision(held.revision, expected)
        async with audited(self._audit, origin, Action.NAMESPACE_DELETE, name, {"id": str(held.id)}) as result:
            record = await revise(self._control, lambda: self.there(name), delete, expected)
            result["revision"] = record.revision
        return record

    def _require_free(self, name: str) -> NamespaceRecord | None:
        """Return the former namespace of a free name, None if there never was one; raise unless it is free."""
        if name in self._control.directory.namespaces:
            raise NamespaceExists(f"There is a namespace {name!r} already.")
        former = self._control.directory.deleted_namespace(name)
        if former is not None and former.purged_at is None:
            raise BeingDeleted(
                f"A namespace {name!r} was deleted and its data are not all gone yet. The name is free when they are: "
                "normally within a minute, while the web and the storing agents run."
            )
        return former


def _names(fields: Mapping[str, Any]) -> dict[str, str | int]:
    return {"fields": ", ".join(sorted(fields))} if fields else {}
