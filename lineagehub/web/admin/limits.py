"""`/api/v1/namespaces/{name}/limits`: what a namespace may use. The operator sets it; owners, admins and readers see it."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.control import LimitsRecord, NamespaceRecord
from lineagehub.contract.limits import NAMES, NAMES_OF_DAYS, Effective, Limits, effective_limits
from lineagehub.contract.lineage import Fault
from lineagehub.contract.management import LimitsRequest
from lineagehub.management.limits import LimitsManager
from lineagehub.web.admin.documents import read_document
from lineagehub.web.admin.namespaces import manager_of_namespaces
from lineagehub.web.admin.refusing import refusing
from lineagehub.web.admin.targets import etag, expected_revisions, management_origin, target_namespace
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS
from lineagehub.web.problems import SCHEMA_INVALID, Refused

InForce = dict[str, Effective]


class LimitsDocument(BaseModel):
    """Each limit in force, and where it is set."""

    namespace: str
    revision: int = Field(description="The ETag, too.")
    limits: InForce
    keys: dict[str, InForce] = Field(description="The same of each key that has limits of its own.")


async def read_limits(request: web.Request) -> web.Response:
    """Answer the limits in force."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
    return _answer(_manager(request).of(namespace))


async def set_limits(request: web.Request) -> web.Response:
    """Set all limits of a namespace anew; what the body leaves out has its default again."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
        expected = expected_revisions(request)
        document = await read_document(request, LimitsRequest)
        _require_limits_of_keys(request, namespace, document)
        origin = management_origin(request, namespace.name)
        keys = {kid: _limits(limits) for kid, limits in document.keys.items()}
        return _answer(await _manager(request).set(origin, namespace, _limits(document), keys, expected))


def _limits(given: Limits) -> Limits:
    return Limits(**given.model_dump(include=set(NAMES)))


def _require_limits_of_keys(request: web.Request, namespace: NamespaceRecord, document: LimitsRequest) -> None:
    own = {key.kid for key in request.app[PARTS].directory.keys_of(namespace)}
    faults = [Fault(f"/keys/{kid}", f"is no key of {namespace.name!r}.") for kid in document.keys if kid not in own]
    # What a key has used in a day nobody counts: the web signs what it lets in with the hub's key, and totals are of namespaces.
    faults += [
        Fault(f"/keys/{kid}/{name}", "is a limit of a namespace, not of a key.")
        for kid, limits in document.keys.items()
        for name in NAMES_OF_DAYS
        if getattr(limits, name) is not None
    ]
    if faults:
        raise Refused(SCHEMA_INVALID, f"{faults[0].pointer} {faults[0].detail}", faults)


def _answer(record: LimitsRecord) -> web.Response:
    document = LimitsDocument(
        namespace=record.namespace,
        revision=record.revision,
        limits=effective_limits([("namespace", record.limits)]),
        keys={
            kid: effective_limits([("namespace", record.limits), ("key", limits)])
            for kid, limits in record.keys.items()
        },
    )
    return model_answer(document, headers=etag(record.revision))


def _manager(request: web.Request) -> LimitsManager:
    parts = request.app[PARTS]
    return LimitsManager(parts.control, parts.audit)
