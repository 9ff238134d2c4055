"""The caller, once authenticated: which namespace, which key, which scopes. Handlers take the namespace from here only."""

from __future__ import annotations

from dataclasses import dataclass

from lineagehub.contract.control import Role, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `namespace` is None for the platform operator, who belongs to none.

    Who it is, for logs and the audit: the key id `kid` of an API key, or the `subject` of a person; the other one is empty.
    """

    kid: str
    role: Role
    namespace: str | None
    scopes: frozenset[Scope]
    subject: str = ""


EVERYBODY = "everybody"
"""The subject of a caller whom nobody asked who he is."""
