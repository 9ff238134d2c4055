"""Who is it, and may he? `Authorization: Bearer <API key or access token>` to a principal, and the endpoint's scope against his.

The header is the only place where credentials are taken: in the query string they would end in logs. A key that this
process cannot know yet is 503, not 401: clients drop data on 401.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.auth.oidc.people import People, Person
from lineagehub.auth.oidc.tokens import TokenRefused, is_token
from lineagehub.auth.principal import EVERYBODY, Principal
from lineagehub.contract.control import ROLE_SCOPES, Role, Scope
from lineagehub.contract.headers import HTTP_NAMESPACE
from lineagehub.oidc_settings import PLATFORM
from lineagehub.settings import WebSettings
from lineagehub.web.endpoint import endpoint_of
from lineagehub.web.middleware.people import principal_of
from lineagehub.web.parts import ENDED_KEY, PARTS, PRINCIPAL, SETTINGS, SUBJECT, Parts
from lineagehub.web.problems import (
    INSUFFICIENT_SCOPE,
    INVALID_CREDENTIALS,
    MISSING_CREDENTIALS,
    NAMESPACE_MISMATCH,
    STARTING,
    Refused,
)

CHALLENGE = 'Bearer realm="lineagehub"'
STALE_SECONDS = 15.0
"""A control view without contact for longer may lack a new key."""


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set PRINCIPAL on endpoints with a scope, or refuse with 401, 403 or, while keys are unknown, 503."""
    endpoint = endpoint_of(request)
    if endpoint is None or endpoint.scope is None:
        return await handler(request)
    request[PRINCIPAL] = principal = await _principal(request, endpoint.scope)
    if endpoint.scope not in principal.scopes:
        raise Refused(
            INSUFFICIENT_SCOPE,
            f"This needs the scope {endpoint.scope.value}; the role {principal.role.value} does not have it.",
        )
    return await handler(request)


async def _principal(request: web.Request, scope: Scope) -> Principal:
    settings, parts = request.app[SETTINGS].web, request.app[PARTS]
    if settings.authentication == "off" and "Authorization" not in request.headers:
        return _within_his_own(request, _everybody(settings))
    credential = _bearer(request)
    if parts.people is not None and is_token(credential):
        person = await _person(request, credential, parts.people)
        return principal_of(person, request.headers.get(HTTP_NAMESPACE), scope, parts)
    principal = parts.directory.authenticate(credential)
    if principal is None:
        raise _refuse_key(request, credential, parts)
    return _within_his_own(request, principal)


def _within_his_own(request: web.Request, principal: Principal) -> Principal:
    """Return who has one namespace, or refuse if the request names another; it stands in the log in both cases."""
    request[PRINCIPAL] = principal
    named = request.headers.get(HTTP_NAMESPACE)
    if named is not None and named != (principal.namespace or PLATFORM):
        raise Refused(NAMESPACE_MISMATCH, f"The caller is not one of the namespace that {HTTP_NAMESPACE} names.")
    return principal


def _everybody(settings: WebSettings) -> Principal:
    return Principal(None, Role.OWNER, settings.open_namespace, ROLE_SCOPES[Role.OWNER], EVERYBODY)


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
            "Send your API key, or an access token, in the header `Authorization: Bearer <API key>`.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    return text


async def _person(request: web.Request, token: str, people: People) -> Person:
    try:
        person = await people.authenticate(token)
    except TokenRefused as error:
        raise _invalid(str(error)) from error
    request[SUBJECT] = person.subject
    return person


def _refuse_key(request: web.Request, key: str, parts: Parts) -> Refused:
    view = parts.control_view
    if parse_api_key(key) and not (view.is_complete and view.seconds_since_contact < STALE_SECONDS):
        return Refused(STARTING, "The hub has not read all API keys yet, so it cannot tell whether this one is valid.")
    if (ended := parts.directory.find_key(key)) is not None:
        request[ENDED_KEY] = ended
    return _invalid("The API key is malformed, unknown, expired or revoked.")


def _invalid(detail: str) -> Refused:
    return Refused(INVALID_CREDENTIALS, detail, headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})
