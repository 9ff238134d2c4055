"""Which namespace a management request is about, whether the caller may know of it, and which revision he means."""

from __future__ import annotations

import re

from aiohttp import web

from lineagehub.auth.principal import Principal
from lineagehub.broker.audit import Origin
from lineagehub.contract.lineage import Fault
from lineagehub.contract.namespaces import is_namespace
from lineagehub.management.revising import Expected
from lineagehub.web.parts import PRINCIPAL, REQUEST_ID
from lineagehub.web.problems import INVALID_NAMESPACE, NOT_FOUND, Refused
from lineagehub.web.queries.parameters import refuse_parameters

IF_MATCH = "If-Match"
IF_MATCH_HELP = 'The ETag that you read, such as `"3"`: the change is made on that revision only, else 412.'
_ETAGS = re.compile(r'\s*(W/)?"([^"]*)"\s*(?:,|$)')


def target_namespace(request: web.Request) -> str:
    """Return the namespace that the path names. Refuses with 400 what is none, and with 404 one that is not the caller's.

    The operator manages all of them. That a namespace is another's is said in the words for one that does not exist.
    """
    name = request.match_info["name"]
    if not is_namespace(name):
        raise Refused(
            INVALID_NAMESPACE,
            "The path names no namespace: 3 to 63 of a-z, 0-9, dot, dash, underscore; a letter or digit at both ends.",
        )
    if not may_manage(request[PRINCIPAL], name):
        raise Refused(NOT_FOUND, f"There is no namespace {name!r}.")
    return name


def may_manage(principal: Principal, name: str) -> bool:
    """Tell whether a caller's scopes are about this namespace."""
    return principal.namespace is None or principal.namespace == name


def management_origin(request: web.Request, namespace: str) -> Origin:
    """Return what the audit entries of a request about a namespace have in common."""
    return Origin(namespace, request[PRINCIPAL].actor, request[REQUEST_ID], request.remote)


def expected_revisions(request: web.Request) -> Expected:
    """Return the revisions that If-Match names, None without it or for `*`. Refuses with 400 what is no If-Match.

    A weak ETag, or one that this hub never gave, matches nothing.
    """
    text = ", ".join(request.headers.getall(IF_MATCH, []))
    if not text or text.strip() == "*":
        return None
    revisions: set[int] = set()
    position = 0
    while position < len(text):
        found = _ETAGS.match(text, position)
        if found is None:
            fault = Fault(f"/{IF_MATCH}", 'must be an ETag as it was answered, such as "3", quotes included, or *.')
            raise refuse_parameters([fault])
        weak, tag = found.groups()
        if not weak and re.fullmatch("[0-9]{1,18}", tag):
            revisions.add(int(tag))
        position = found.end()
    return revisions


def etag(revision: int) -> dict[str, str]:
    """Return the header that names a revision."""
    return {"ETag": f'"{revision}"'}
