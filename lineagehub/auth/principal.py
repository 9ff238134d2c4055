"""The caller, once authenticated: which namespace, which key, which scopes. Handlers take the namespace from here only."""

from __future__ import annotations

from dataclasses import dataclass

from lineagehub.contract.control import Role, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `namespace` is None for the platform operator, who belongs to none."""

    kid: str
    role: Role
    namespace: str | None
    scopes: frozenset[Scope]
