"""Where does a person act? From his token to the principal of one namespace, which the request names if there are several.

Called by auth.py of this folder. The header chooses among the namespaces that the token's groups give; it never gives one.
"""

from __future__ import annotations

from lineagehub.auth.oidc.people import Person
from lineagehub.auth.principal import Principal
from lineagehub.contract.control import Scope
from lineagehub.contract.headers import HTTP_NAMESPACE
from lineagehub.oidc_settings import PLATFORM
from lineagehub.web.parts import Parts
from lineagehub.web.problems import INSUFFICIENT_SCOPE, NAMESPACE_MISMATCH, NAMESPACE_REQUIRED, STARTING, Refused

NAMED_AT_MOST = 20


def principal_of(person: Person, named: str | None, scope: Scope, parts: Parts) -> Principal:
    """Return who the person is for this request, or refuse: 400 when he must say where, 403 where he has no role.

    `named` is the header `lineagehub-namespace`, `*` in it the platform. Without it an operator acts as such where the scope
    is the platform's, else a person's only namespace is meant. A namespace that does not exist is none: its name might become
    another's.
    """
    if not person.roles:
        raise Refused(INSUFFICIENT_SCOPE, "No group of this token has a role at this hub; ask its operator for one.")
    if named is not None:
        if named not in _live(person, parts):
            raise Refused(NAMESPACE_MISMATCH, f"Your groups have no role in the namespace that {HTTP_NAMESPACE} names.")
        return person.principal_in(named)
    if PLATFORM in person.roles and (scope is Scope.PLATFORM_OPERATE or len(person.roles) == 1):
        return person.principal_in(PLATFORM)
    namespaces = sorted(_live(person, parts) - {PLATFORM})
    if not namespaces:
        raise Refused(INSUFFICIENT_SCOPE, "No namespace in which your groups have a role exists at this hub.")
    if len(namespaces) > 1:
        raise Refused(NAMESPACE_REQUIRED, _several(namespaces))
    return person.principal_in(namespaces[0])


def _live(person: Person, parts: Parts) -> set[str]:
    live = {name for name in person.roles if name == PLATFORM or name in parts.directory.namespaces}
    if live != person.roles.keys() and not parts.control_view.is_complete:
        raise Refused(STARTING, "The hub has not read all namespaces yet, so it cannot tell in which you have a role.")
    return live


def _several(namespaces: list[str]) -> str:
    # The person's own, of his own token's groups: whoever reads this may act in all of them.
    more = len(namespaces) - NAMED_AT_MOST
    others = f" and {more} more" if more > 0 else ""
    return f"Say in the header {HTTP_NAMESPACE} which is meant: {', '.join(namespaces[:NAMED_AT_MOST])}{others}."
