"""Sets and shows the limits of a namespace and of its keys, audited. Called by the web's management routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.contract.audit import Action
from lineagehub.contract.control import LimitsRecord, NamespaceRecord
from lineagehub.contract.keys import limits_key
from lineagehub.contract.limits import Limits
from lineagehub.management.audited import audited
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.revising import Expected, require_revision, revise


class LimitsManager:
    """Limits, on behalf of somebody. Calls may be concurrent, also in other processes."""

    def __init__(self, control: ControlPlane, audit: AuditLog) -> None:
        self._control = control
        self._audit = audit

    def of(self, namespace: NamespaceRecord) -> LimitsRecord:
        """Return what is set for a namespace. Where nothing is, that is a record of the next revision less one, at least 1."""
        record = self._control.directory.limits(namespace)
        if record is not None:
            return record
        former = self._control.directory.record(limits_key(namespace.name))
        return LimitsRecord(
            revision=former.revision if former else 1,
            namespace=namespace.name,
            namespace_id=namespace.id,
            updated_at=namespace.created_at,
        )

    async def set(
        self,
        origin: Origin,
        namespace: NamespaceRecord,
        limits: Limits,
        keys: Mapping[str, Limits],
        expected: Expected = None,
    ) -> LimitsRecord:
        """Set all limits of a namespace and of its keys anew: what is None follows the defaults again.

        Raises RevisionConflict, Unavailable.
        """

        def change(record: LimitsRecord) -> LimitsRecord:
            if (record.limits, record.keys) == (limits, keys):
                return record
            return LimitsRecord(
                revision=record.revision + 1,
                namespace=namespace.name,
                namespace_id=namespace.id,
                limits=limits,
                keys=dict(keys),
                updated_at=datetime.now(UTC),
            )

        held = self.of(namespace)
        require_revision(held.revision, expected)
        if change(held) is held:
            return held
        detail: dict[str, str | int] = {
            name: value for name, value in limits.model_dump(exclude_none=True).items() if value is not None
        }
        async with audited(self._audit, origin, Action.LIMITS_SET, namespace.name, detail) as result:
            record = await revise(self._control, lambda: self.of(namespace), change, expected)
            result["revision"] = record.revision
        return record
