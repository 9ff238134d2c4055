"""People: from an access token to a person, and from the person's groups to what he is in a namespace.

Called by the web's authentication. Which groups mean what is a setting (`LINEAGEHUB_OIDC_GROUP_ROLES`); a token cannot say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lineagehub.auth.oidc.issuer import Issuer
from lineagehub.auth.oidc.tokens import TokenVerifier
from lineagehub.auth.principal import Principal
from lineagehub.contract.control import ROLE_SCOPES, Role
from lineagehub.oidc_settings import PLATFORM, OidcSettings

_STRONGEST_FIRST = (Role.OWNER, Role.ADMIN, Role.WRITER, Role.READER, Role.OPERATOR)


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom the issuer vouches for. `roles` by namespace, PLATFORM among them for an operator; never an empty set."""

    subject: str
    roles: Mapping[str, frozenset[Role]]

    def principal_in(self, namespace: str) -> Principal:
        """Return who the person is in a namespace of `roles`, or as the platform's operator. Raises KeyError elsewhere.

        Several groups add up: a writer who is a reader, too, has the scopes of both, and the stronger role's name.
        """
        roles = self.roles[namespace]
        return Principal(
            kid=None,
            role=next(role for role in _STRONGEST_FIRST if role in roles),
            namespace=None if namespace == PLATFORM else namespace,
            scopes=frozenset().union(*(ROLE_SCOPES[role] for role in roles)),
            subject=self.subject,
        )


class People:
    """Whoever has a token of the issuer. Enter it once per process; nothing is asked of the issuer before it is needed."""

    def __init__(self, settings: OidcSettings) -> None:
        self.issuer = Issuer(settings)
        self._verifier = TokenVerifier(settings, self.issuer)
        self._group_roles = settings.group_roles
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.issuer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def authenticate(self, token: str) -> Person:
        """Return whom a token is of. Raises TokenRefused, and Unavailable while the issuer's keys cannot be known."""
        claims = await self._verifier.verify(token)
        return Person(claims.subject, roles_of(claims.groups, self._group_roles))


def roles_of(groups: frozenset[str], group_roles: Mapping[str, Mapping[str, Role]]) -> Mapping[str, frozenset[Role]]:
    """Return the roles that these groups give together, by namespace."""
    roles: dict[str, frozenset[Role]] = {}
    for group in groups & group_roles.keys():
        for namespace, role in group_roles[group].items():
            roles[namespace] = roles.get(namespace, frozenset()) | {role}
    return roles
