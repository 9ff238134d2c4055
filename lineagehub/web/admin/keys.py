"""`/api/v1/namespaces/{name}/keys`: issues, lists, rotates and revokes the keys of a namespace, for its owners and the operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from lineagehub.auth.issuing import DEFAULT_KEY_LIFETIME
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role, SignatureAlgorithm
from lineagehub.contract.lineage import Fault
from lineagehub.contract.management import Note
from lineagehub.management.api_keys import KeyManager
from lineagehub.web.admin.action_rates import ACTION_RATES
from lineagehub.web.admin.documents import read_document
from lineagehub.web.admin.namespaces import manager_of_namespaces
from lineagehub.web.admin.refusing import refusing
from lineagehub.web.admin.targets import management_origin, target_namespace
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, PRINCIPAL, SETTINGS
from lineagehub.web.problems import SCHEMA_INVALID, Refused
from lineagehub.web.queries.parameters import Moment

LONGEST_LIFETIME = timedelta(days=3_650)
LONGEST_OVERLAP = timedelta(days=30)
DEFAULT_OVERLAP = timedelta(days=1)


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Role = Field(description="owner, admin, writer (cannot read) or reader.")
    note: Note = Field("", description="For people: where it is used.")
    algorithm: SignatureAlgorithm = Field(
        SignatureAlgorithm.HMAC_SHA256, description="How its holder signs records straight to Kafka."
    )
    expires_at: Moment | None = Field(None, description="RFC 3339, in the next ten years; in a year when left out.")


class RotationRequest(BaseModel):
    """How long the old key lives on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overlap_seconds: Annotated[int, Field(ge=0, le=round(LONGEST_OVERLAP.total_seconds()))] = round(
        DEFAULT_OVERLAP.total_seconds()
    )


class KeyDocument(BaseModel):
    """A key without its secret, which was shown once."""

    kid: str
    role: Role
    algorithm: SignatureAlgorithm
    note: str
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    rotated_from: str | None
    rotated_to: str | None


class IssuedKey(KeyDocument):
    """A new key. `key` is shown this once."""

    key: str


class RotatedKey(IssuedKey):
    """The new key, and until when the old one lives."""

    replaces: KeyDocument


class KeyList(BaseModel):
    """All keys of a namespace, oldest first."""

    keys: list[KeyDocument]


async def list_keys(request: web.Request) -> web.Response:
    """Answer the namespace's keys."""
    with refusing():
        records = _manager(request).all(_namespace(request))
    return model_answer(KeyList(keys=[KeyDocument(**_described(record)) for record in records]))


async def read_key(request: web.Request) -> web.Response:
    """Answer one key of the namespace."""
    with refusing():
        record = _manager(request).key(_namespace(request), request.match_info["kid"])
    return model_answer(KeyDocument(**_described(record)))


async def create_key(request: web.Request) -> web.Response:
    """Make a key, which is shown in this answer and never again."""
    with refusing():
        namespace = _namespace(request)
        document = await read_document(request, KeyRequest)
        request.app[ACTION_RATES].keys.take(request[PRINCIPAL])
        origin = management_origin(request, namespace.name)
        api_key, record = await _manager(request).issue(
            origin, namespace, document.role, document.note, _lifetime(document.expires_at), document.algorithm
        )
    location = {"Location": f"/api/v1/namespaces/{namespace.name}/keys/{record.kid}", "Cache-Control": "no-store"}
    return model_answer(IssuedKey(**_described(record), key=api_key.text), 201, location)


async def rotate_key(request: web.Request) -> web.Response:
    """Make a key that takes the place of another, which expires after the overlap."""
    with refusing():
        namespace = _namespace(request)
        document = await read_document(request, RotationRequest, default=b"{}")
        request.app[ACTION_RATES].keys.take(request[PRINCIPAL])
        origin = management_origin(request, namespace.name)
        api_key, record, old = await _manager(request).rotate(
            origin, namespace, request.match_info["kid"], timedelta(seconds=document.overlap_seconds)
        )
    answer = RotatedKey(**_described(record), key=api_key.text, replaces=KeyDocument(**_described(old)))
    return model_answer(answer, 201, {"Cache-Control": "no-store"})


async def revoke_key(request: web.Request) -> web.Response:
    """Revoke a key, now; one that is revoked already stays as it is."""
    with refusing():
        namespace = _namespace(request)
        origin = management_origin(request, namespace.name)
        record = await _manager(request).revoke(origin, namespace, request.match_info["kid"])
    return model_answer(KeyDocument(**_described(record)))


def _namespace(request: web.Request) -> NamespaceRecord:
    return manager_of_namespaces(request).live(target_namespace(request))


def _manager(request: web.Request) -> KeyManager:
    parts = request.app[PARTS]
    return KeyManager(parts.control, parts.audit, parts.sealer, request.app[SETTINGS].environment)


def _lifetime(expires_at: datetime | None) -> timedelta:
    if expires_at is None:
        return DEFAULT_KEY_LIFETIME
    lifetime = expires_at - datetime.now(UTC)
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        fault = Fault("/expires_at", f"must be in the future, and at most {LONGEST_LIFETIME.days} days from now.")
        raise Refused(SCHEMA_INVALID, f"expires_at {fault.detail}", [fault])
    return lifetime


def _described(record: ApiKeyRecord) -> dict[str, object]:
    state = "live" if record.is_valid_at(datetime.now(UTC)) else "revoked" if record.revoked_at else "expired"
    members = set(KeyDocument.model_fields) - {"state"}
    return {**record.model_dump(include=members), "state": state}
