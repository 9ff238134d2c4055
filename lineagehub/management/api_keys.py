"""Issues, rotates and revokes the keys of a namespace, audited. Called by the web's management routes.

A key in clear is returned once and stands nowhere: not on a topic, not in a log, not in the audit.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lineagehub.auth.api_keys import ApiKey
from lineagehub.auth.issuing import changed_key, issue_key
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.contract.audit import Action
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role, SignatureAlgorithm
from lineagehub.management.audited import audited
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.refusals import (
    KeyNotLive,
    LastOwner,
    NotThere,
    Refusal,
    RoleTooHigh,
    RotationUnderway,
    TooManyKeys,
)
from lineagehub.management.revising import revise

MAXIMUM_LIVE_KEYS = 200

_NAMESPACE_ROLES = frozenset(Role) - {Role.OPERATOR}
MAY_ISSUE: dict[Role, frozenset[Role]] = {
    Role.OPERATOR: _NAMESPACE_ROLES,
    Role.OWNER: _NAMESPACE_ROLES,
    Role.ADMIN: frozenset(),
    Role.WRITER: frozenset(),
    Role.READER: frozenset(),
}


class KeyManager:
    """The keys of namespaces, on behalf of somebody. Calls may be concurrent, also in other processes."""

    def __init__(self, control: ControlPlane, audit: AuditLog, sealer: Sealer, environment: str) -> None:
        self._control = control
        self._audit = audit
        self._sealer = sealer
        self._environment = environment

    def all(self, namespace: NamespaceRecord) -> list[ApiKeyRecord]:
        """Return the namespace's keys, live and not, oldest first. A former namespace of its name had others."""
        return sorted(self._control.directory.keys_of(namespace), key=lambda key: (key.created_at, key.kid))

    def key(self, namespace: NamespaceRecord, kid: str) -> ApiKeyRecord:
        """Return a key of the namespace, or raise NotThere."""
        record = self._control.directory.key(kid)
        if record is None or record.namespace_id != namespace.id:
            raise NotThere(f"The namespace {namespace.name!r} has no key {kid[:16]!r}.")
        return record

    async def issue(
        self,
        origin: Origin,
        namespace: NamespaceRecord,
        role: Role,
        note: str,
        lifetime: timedelta,
        algorithm: SignatureAlgorithm,
    ) -> tuple[ApiKey, ApiKeyRecord]:
        """Make a key; return it in clear, to be shown once, and its record. Raises RoleTooHigh, TooManyKeys, Unavailable."""
        _require_may_issue(origin, role)
        self._require_room(namespace)
        api_key, record = issue_key(namespace, role, self._environment, self._sealer, note, lifetime, algorithm)
        async with audited(self._audit, origin, Action.KEY_CREATE, record.kid, {"role": role.value}):
            await self._control.put(record)
        return api_key, record

    async def rotate(
        self, origin: Origin, namespace: NamespaceRecord, kid: str, overlap: timedelta
    ) -> tuple[ApiKey, ApiKeyRecord, ApiKeyRecord]:
        """Make a successor like it; the old key lives on for `overlap`. Return the new key, its record, and that of the old one.

        The successor is written first, then the old key names it: of two rotations at once one is named, and the other's key is revoked
        without ever being shown. Raises NotThere, KeyNotLive, RotationUnderway, RoleTooHigh, Unavailable.
        """
        old = self.key(namespace, kid)
        self._require_rotatable(old)
        _require_may_issue(origin, old.role)
        lifetime = old.expires_at - old.created_at if old.expires_at else None
        api_key, record = issue_key(
            namespace, old.role, self._environment, self._sealer, old.note, lifetime, old.algorithm, rotated_from=kid
        )
        detail = {"role": old.role.value, "successor": record.kid, "overlap_seconds": round(overlap.total_seconds())}

        def replace(held: ApiKeyRecord) -> ApiKeyRecord:
            self._require_rotatable(held)
            end = datetime.now(UTC) + overlap
            return changed_key(held, rotated_to=record.kid, expires_at=min(held.expires_at or end, end))

        async with audited(self._audit, origin, Action.KEY_ROTATE, kid, detail):
            await self._control.put(record)
            try:
                replaced = await revise(self._control, lambda: self.key(namespace, kid), replace, {old.revision})
            except Refusal:
                await self._end(record)
                raise
            await self._revoke_orphans(namespace, replaced)
        return api_key, record, replaced

    async def revoke(self, origin: Origin, namespace: NamespaceRecord, kid: str) -> ApiKeyRecord:
        """Revoke a key now and return its record; one that is revoked stays as it is. Raises NotThere, LastOwner, Unavailable."""
        record = self.key(namespace, kid)
        if record.revoked_at is not None:
            return record
        must_leave_an_owner = record.role is Role.OWNER and origin.actor.role is not Role.OPERATOR
        if must_leave_an_owner and self._live_owners(namespace) == {kid}:
            raise _last_owner(namespace, kid)
        async with audited(self._audit, origin, Action.KEY_REVOKE, kid, {"role": record.role.value}):
            ended = await self._end(record)
            # Others may have revoked theirs meanwhile. This process has read the log as far as its own record at least: whoever is
            # the last in it to revoke sees that no owner is left, in whatever process he is.
            if must_leave_an_owner and not self._live_owners(namespace):
                await self._restore(ended)
                raise _last_owner(namespace, kid)
            return ended

    async def _end(self, record: ApiKeyRecord) -> ApiKeyRecord:
        def revoke(held: ApiKeyRecord) -> ApiKeyRecord:
            return held if held.revoked_at else changed_key(held, revoked_at=datetime.now(UTC))

        return await revise(
            self._control, lambda: self._control.directory.key(record.kid) or record, revoke, expected=None
        )

    async def _restore(self, record: ApiKeyRecord) -> None:
        def restore(held: ApiKeyRecord) -> ApiKeyRecord:
            return changed_key(held, revoked_at=None) if held.revoked_at == record.revoked_at else held

        await revise(self._control, lambda: self._control.directory.key(record.kid) or record, restore, expected=None)

    async def _revoke_orphans(self, namespace: NamespaceRecord, replaced: ApiKeyRecord) -> None:
        """Revoke successors that the old key does not name: their rotation died in the middle, and nobody was shown them."""
        now = datetime.now(UTC)
        for key in self.all(namespace):
            if key.rotated_from == replaced.kid and key.kid != replaced.rotated_to and key.is_valid_at(now):
                await self._end(key)

    def _require_rotatable(self, key: ApiKeyRecord) -> None:
        now = datetime.now(UTC)
        if not key.is_valid_at(now):
            raise KeyNotLive(f"The key {key.kid} is expired or revoked; make a new one.")
        for other in (key.rotated_to, key.rotated_from):
            related = self._control.directory.key(other) if other else None
            if related is not None and related.is_valid_at(now):
                raise RotationUnderway(
                    f"The key {related.kid} of the same rotation is live, and two are enough: revoke it, or wait until it expires."
                )

    def _require_room(self, namespace: NamespaceRecord) -> None:
        now = datetime.now(UTC)
        if sum(key.is_valid_at(now) for key in self.all(namespace)) >= MAXIMUM_LIVE_KEYS:
            raise TooManyKeys(
                f"The namespace has {MAXIMUM_LIVE_KEYS} live keys, which is the most; revoke those that are not used."
            )

    def _live_owners(self, namespace: NamespaceRecord) -> set[str]:
        now = datetime.now(UTC)
        return {key.kid for key in self.all(namespace) if key.role is Role.OWNER and key.is_valid_at(now)}


def _last_owner(namespace: NamespaceRecord, kid: str) -> LastOwner:
    return LastOwner(f"{kid} is the last live owner's key of {namespace.name!r}: make another first, or rotate it.")


def _require_may_issue(origin: Origin, role: Role) -> None:
    actor = origin.actor.role
    if role is Role.OPERATOR:
        raise RoleTooHigh("An operator's key belongs to no namespace; `lineagehub bootstrap` makes one.")
    if actor is None or role not in MAY_ISSUE[actor]:
        raise RoleTooHigh(f"A key with the role {actor} may not issue one with the role {role.value}.")
