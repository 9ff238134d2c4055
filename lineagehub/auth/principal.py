"""The caller, once authenticated: which namespace, which key, which scopes. Handlers take the namespace from here only."""

from __future__ import annotations

from dataclasses import dataclass

from lineagehub.contract.audit import Actor
from lineagehub.contract.control import Role, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `namespace` is None for the platform operator, who belongs to none.

    Who it is, for logs and the audit: the key id `kid` of an API key, or the `subject` of a person; the other one is None.
    """

    kid: str | None
    role: Role
    namespace: str | None
    scopes: frozenset[Scope]
    subject: str | None = None

    @property
    def actor(self) -> Actor:
        """Who it is in entries of the audit topic."""
        return Actor(key_id=self.kid, subject=self.subject, role=self.role)


EVERYBODY = "everybody"
"""The subject of a caller whom nobody asked who he is."""
