"""`/api/v1/namespaces`: makes, lists, shows, changes and deletes namespaces.

The operator manages all of them; owners, admins and readers see their own, owners and admins change it, owners delete it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.lineage import Fault
from lineagehub.contract.management import NamespaceFields, NewNamespace
from lineagehub.contract.sharing import SharedDataset
from lineagehub.contract.signals import Signal
from lineagehub.management.namespaces import NamespaceManager
from lineagehub.web.admin.action_rates import ACTION_RATES
from lineagehub.web.admin.documents import read_document
from lineagehub.web.admin.refusing import refusing
from lineagehub.web.admin.targets import (
    IF_MATCH,
    etag,
    expected_revisions,
    management_origin,
    may_manage,
    target_namespace,
)
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, PRINCIPAL
from lineagehub.web.problems import CONFIRMATION_REQUIRED, Refused
from lineagehub.web.queries.cursors import read_cursor, write_cursor
from lineagehub.web.queries.parameters import read_query, refuse_parameters
from lineagehub.web.queries.telemetry_parameters import PageQuery


class NamespaceDocument(BaseModel):
    """A namespace. `deleting`: its keys are dead, its data are not all gone."""

    id: UUID = Field(description="Its identity: a namespace that is made again under the same name has another.")
    name: str
    state: Literal["live", "deleting"]
    revision: int = Field(description="The ETag, too.")
    display_name: str
    description: str
    owners: tuple[str, ...]
    tags: dict[str, str]
    job_namespaces: tuple[str, ...]
    discoverable: bool
    shared_datasets: tuple[SharedDataset, ...]
    retention_days: int
    signal_retention_days: dict[Signal, int]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class NamespacesPage(BaseModel):
    """Namespaces by name."""

    namespaces: list[NamespaceDocument]
    nextCursor: str | None = Field(None, description="Leads to the next page; null on the last.")  # noqa: N815 our own answers are in camelCase


class NamespacesQuery(PageQuery):
    """Which page."""


class DeleteQuery(BaseModel):
    """That it is meant."""

    confirm: str | None = Field(None, description="The name of the namespace, once more; or send If-Match.")


async def list_namespaces(request: web.Request) -> web.Response:
    """Answer a page of the namespaces that the caller may see: all to the operator, his own to anybody else."""
    query = read_query(request, NamespacesQuery)
    place = read_cursor(request, NamespacesQuery, query.cursor)
    directory, principal = request.app[PARTS].directory, request[PRINCIPAL]
    records = [*directory.namespaces.values(), *directory.unpurged_namespaces()]
    after = place[0] if place else ""
    seen = sorted(
        (record for record in records if record.name > after and may_manage(principal, record.name)),
        key=lambda record: record.name,
    )
    page = NamespacesPage(namespaces=[describe_namespace(record) for record in seen[: query.limit]])
    if len(seen) > query.limit:
        page.nextCursor = write_cursor(request, NamespacesQuery, [seen[query.limit - 1].name])
    return model_answer(page)


async def create_namespace(request: web.Request) -> web.Response:
    """Make a namespace; 409 when there is one of this name."""
    document = await read_document(request, NewNamespace)
    request.app[ACTION_RATES].namespaces.take(request[PRINCIPAL])
    with refusing():
        record = await manager_of_namespaces(request).create(
            management_origin(request, document.name), document.name, document.given()
        )
    location = {"Location": f"/api/v1/namespaces/{record.name}"}
    return model_answer(describe_namespace(record), 201, etag(record.revision) | location)


async def read_namespace(request: web.Request) -> web.Response:
    """Answer a namespace; while it is being deleted, too, until its data are gone."""
    name = target_namespace(request)
    with refusing():
        return _answer(manager_of_namespaces(request).there(name))


async def change_namespace(request: web.Request) -> web.Response:
    """Give a namespace the values of the body's members; 412 when If-Match names another revision than there is."""
    name, expected = target_namespace(request), expected_revisions(request)
    document = await read_document(request, NamespaceFields)
    with refusing():
        return _answer(
            await manager_of_namespaces(request).change(
                management_origin(request, name), name, document.given(), expected
            )
        )


async def delete_namespace(request: web.Request) -> web.Response:
    """Delete a namespace: its keys are dead at once, its data go soon after; a GET answers 404 then."""
    name, expected = target_namespace(request), expected_revisions(request)
    confirm = read_query(request, DeleteQuery).confirm
    if confirm is not None and confirm != name:
        raise refuse_parameters([Fault("/confirm", f"must be {name!r}, the namespace that is to be deleted.")])
    if confirm is None and IF_MATCH not in request.headers:
        raise Refused(
            CONFIRMATION_REQUIRED,
            f"This deletes {name!r} with all its keys and data; send ?confirm={name}, or its ETag as If-Match.",
        )
    with refusing():
        record = await manager_of_namespaces(request).delete(management_origin(request, name), name, expected)
    request.app[PARTS].purger.expect(record)
    return _answer(record, 202)


def describe_namespace(record: NamespaceRecord) -> NamespaceDocument:
    """Return what is told about a namespace."""
    state = "live" if record.deleted_at is None else "deleting"
    return NamespaceDocument.model_validate({**record.model_dump(), "state": state})


def manager_of_namespaces(request: web.Request) -> NamespaceManager:
    """Return who manages namespaces."""
    parts = request.app[PARTS]
    return NamespaceManager(parts.control, parts.audit)


def _answer(record: NamespaceRecord, status: int = 200) -> web.Response:
    return model_answer(describe_namespace(record), status, etag(record.revision))
