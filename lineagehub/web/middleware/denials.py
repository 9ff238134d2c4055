"""Notes for the audit log what was denied to a caller who is known: a request outside its scope, another's namespace, a key that has ended.

A stranger, whose key nobody knows, has no namespace in whose log it could stand; metrics and the access log have him. What is 404 because
it is another's cannot be told from what does not exist, unless the request itself names the other namespace.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.auth.directory import Directory
from lineagehub.broker.audit import Origin
from lineagehub.contract.audit import Actor
from lineagehub.contract.control import ApiKeyRecord
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.web.denials import DENIALS, Denial
from lineagehub.web.endpoint import endpoint_of
from lineagehub.web.parts import ENDED_KEY, PARTS, PRINCIPAL, REQUEST_ID, SUBJECT
from lineagehub.web.problems import INSUFFICIENT_SCOPE, NAMESPACE_MISMATCH, Refused


@web.middleware
async def note_denials(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass the request on, and note a refusal that is a denial."""
    try:
        return await handler(request)
    except Refused as refused:
        denial = _denial(request, refused)
        if denial is not None:
            request.app[DENIALS].note(denial)
        raise


def _denial(request: web.Request, refused: Refused) -> Denial | None:
    principal, ended, endpoint = request.get(PRINCIPAL), request.get(ENDED_KEY), endpoint_of(request)
    if endpoint is None:
        return None
    target = f"{endpoint.method} {endpoint.path}"
    if principal is not None:
        reason = refused.denied or (
            refused.problem.reason if refused.problem in (INSUFFICIENT_SCOPE, NAMESPACE_MISMATCH) else ""
        )
        origin = Origin(principal.namespace or OPERATOR_LANE, principal.actor, request[REQUEST_ID], request.remote)
        return Denial(origin, target, reason, refused.problem.status) if reason else None
    if (subject := request.get(SUBJECT)) is not None and refused.problem is NAMESPACE_MISMATCH:
        # A person who is nobody in the namespace that he names: whether there is one, nobody's log should tell.
        origin = Origin(OPERATOR_LANE, Actor(subject=subject), request[REQUEST_ID], request.remote)
        return Denial(origin, target, refused.problem.reason, refused.problem.status)
    if ended is not None:
        namespace, reason = _ending(ended, request.app[PARTS].directory)
        origin = Origin(namespace, Actor(key_id=ended.kid, role=ended.role), request[REQUEST_ID], request.remote)
        return Denial(origin, target, reason, refused.problem.status)
    return None


def _ending(key: ApiKeyRecord, directory: Directory) -> tuple[str, str]:
    """Return in whose log the use of a key that has ended stands, and why it has ended."""
    namespace = directory.namespaces.get(key.namespace or "")
    if namespace is None or namespace.id != key.namespace_id:
        # Its namespace is gone. One of the same name is another's, whom this key does not concern.
        return OPERATOR_LANE, "namespace_gone" if key.namespace else _end_of(key)
    return namespace.name, _end_of(key)


def _end_of(key: ApiKeyRecord) -> str:
    return "key_revoked" if key.revoked_at and key.revoked_at <= datetime.now(UTC) else "key_expired"
