"""`DELETE /api/v1/lineage`: deletes a job, a dataset or an OpenLineage namespace of the caller's namespace, audited."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.management.lineage_deletion import LineageDeleter, StoreBehind
from lineagehub.store.deletion import Found, Kind, Target
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH
from lineagehub.web.admin.targets import management_origin
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, SETTINGS, namespace_of
from lineagehub.web.problems import NOT_FOUND, STORE_BEHIND, Refused
from lineagehub.web.queries.lineage_parameters import parse_node_id
from lineagehub.web.queries.parameters import read_query

CATCH_UP_SECONDS = 5.0
"""How long a request waits for the store: normally it is less than a second behind."""


class DeletionQuery(BaseModel):
    """What to delete."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="job:{namespace}:{name}, dataset:{namespace}:{name} or namespace:{namespace}.",
    )


class DeletionReceipt(BaseModel):
    """What was deleted. `name` is empty for a namespace; each name of a dataset counts as one of `datasets`."""

    kind: Kind
    namespace: str
    name: str
    runs: int
    jobs: int
    datasets: int
    events: int
    deleted_at: datetime


async def delete_lineage(request: web.Request) -> web.Response:
    """Delete what a node id names; 404 if the caller's namespace does not know it."""
    query = read_query(request, DeletionQuery)
    found = await find_target(request, parse_node_id(query.node_id, Target.parse))
    if found is None:
        raise Refused(NOT_FOUND, f"There is no {query.node_id[:200]} in this namespace.")
    deleted_at = await delete_found(request, found)
    return model_answer(
        DeletionReceipt(
            kind=found.kind, namespace=found.namespace, name=found.name, **found.counts, deleted_at=deleted_at
        )
    )


async def find_target(request: web.Request, target: Target) -> Found | None:
    """Return what the caller's namespace has of a target, or None. Refuses with 503 while the store is behind."""
    try:
        return await _deleter(request).find(namespace_of(request), target)
    except StoreBehind as error:
        raise Refused(STORE_BEHIND, str(error), retry_after_seconds=error.retry_after_seconds) from error


async def delete_found(request: web.Request, found: Found) -> datetime:
    """Delete what was found on behalf of the caller, and return when that was done."""
    return await _deleter(request).delete(management_origin(request, namespace_of(request)), found)


def _deleter(request: web.Request) -> LineageDeleter:
    parts, kafka = request.app[PARTS], request.app[SETTINGS].kafka
    return LineageDeleter(kafka, parts.clickhouse_writer, parts.audit, CATCH_UP_SECONDS)
