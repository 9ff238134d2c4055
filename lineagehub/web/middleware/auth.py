"""Who is it, and may he? `Authorization: Bearer <API key>` to a principal, and the endpoint's scope against the key's.

The header is the only place where a key is taken: one in the query string would end in logs. A key that this process
cannot know yet is 503, not 401: clients drop data on 401.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.web.endpoint import endpoint_of
from lineagehub.web.parts import ENDED_KEY, PARTS, PRINCIPAL, Parts
from lineagehub.web.problems import INSUFFICIENT_SCOPE, INVALID_CREDENTIALS, MISSING_CREDENTIALS, STARTING, Refused

CHALLENGE = 'Bearer realm="lineagehub"'
STALE_SECONDS = 15.0
"""A control view without contact for longer may lack a new key."""


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set PRINCIPAL on endpoints with a scope, or refuse with 401, 403 or, while keys are unknown, 503."""
    endpoint = endpoint_of(request)
    if endpoint is None or endpoint.scope is None:
        return await handler(request)
    text, parts = _bearer(request), request.app[PARTS]
    principal = parts.directory.authenticate(text)
    if principal is None:
        raise _refuse_key(request, text, parts)
    request[PRINCIPAL] = principal
    if endpoint.scope not in principal.scopes:
        raise Refused(
            INSUFFICIENT_SCOPE,
            f"This needs the scope {endpoint.scope.value}; a key with the role {principal.role.value} does not have it.",
        )
    return await handler(request)


def _bearer(request: web.Request) -> str:
    headers = request.headers.getall("Authorization", [])
    if len(headers) > 1:
        raise Refused(
            MISSING_CREDENTIALS,
            "There are two Authorization headers; send one.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    kind, _, text = headers[0].partition(" ") if headers else ("", "", "")
    if kind.lower() != "bearer" or not text:
        raise Refused(
            MISSING_CREDENTIALS,
            "Send your API key in the header `Authorization: Bearer <API key>`.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    return text


def _refuse_key(request: web.Request, text: str, parts: Parts) -> Refused:
    view = parts.control_view
    if parse_api_key(text) and not (view.is_complete and view.seconds_since_contact < STALE_SECONDS):
        return Refused(STARTING, "The hub has not read all API keys yet, so it cannot tell whether this one is valid.")
    if (ended := parts.directory.find_key(text)) is not None:
        request[ENDED_KEY] = ended
    return Refused(
        INVALID_CREDENTIALS,
        "The API key is malformed, unknown, expired or revoked.",
        headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'},
    )
