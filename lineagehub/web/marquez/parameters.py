"""What the routes of Marquez's API have in common: pages, names in paths, enumerations in any case, and how a thing is missing."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.marquez.namespaces import namespace_by_name
from lineagehub.store.queries.marquez.tenant import Tenant, open_tenant
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.parameters import refuse_parameters

MAXIMUM_LIMIT = 1_000
MAXIMUM_OFFSET = 1_000_000
MAXIMUM_DEPTH = 100
DEFAULT_DEPTH = 20

UpperCase = BeforeValidator(lambda text: text.upper() if isinstance(text, str) else text)
"""Marquez takes the words of an enumeration in any case."""


class Page(BaseModel):
    """Which page of a list."""

    limit: int = Field(100, ge=0, le=MAXIMUM_LIMIT)
    offset: int = Field(0, ge=0, le=MAXIMUM_OFFSET)


class Depth(BaseModel):
    """How far to go."""

    depth: int = Field(DEFAULT_DEPTH, ge=0, le=MAXIMUM_DEPTH)


RunState = Literal["NEW", "RUNNING", "COMPLETED", "ABORTED", "FAILED", "OTHER"]
AnyCaseRunState = Annotated[RunState, UpperCase]


async def tenant_of(request: web.Request) -> Tenant:
    """Return the caller's tenant: the key's namespace, whatever the path says."""
    return await open_tenant(request.app[PARTS].clickhouse, namespace_of(request))


async def missing_in_namespace(request: web.Request, tenant: Tenant, kind: str, name: Any) -> Refused:
    """Return the refusal of a thing in the path that the tenant does not know; of its namespace if that is what is missing."""
    namespace = request.match_info["namespace"]
    is_known = await namespace_by_name(tenant, namespace) is not None
    return missing(kind, name) if is_known else missing("Namespace", namespace)


def job_in_path(request: web.Request) -> Name:
    """Return the job in the path."""
    return request.match_info["namespace"], request.match_info["job"]


def dataset_in_path(request: web.Request) -> Name:
    """Return the dataset in the path."""
    return request.match_info["namespace"], request.match_info["dataset"]


def uuid_in_path(request: web.Request, name: str) -> uuid.UUID:
    """Return a UUID in the path, or refuse with 400."""
    return uuid_of(request.match_info[name], name)


def uuid_of(text: str, name: str) -> uuid.UUID:
    """Return the UUID that the parameter `name` is, or refuse with 400."""
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is None:
        raise refuse_parameters([Fault(f"/{name}", "must be a UUID.")])
    return uuid.UUID(text)


def missing(kind: str, name: Any) -> Refused:
    """Return the refusal of a thing that the tenant does not know, in Marquez's words."""
    return Refused(NOT_FOUND, f"{kind} '{str(name)[:200]}' not found.")
