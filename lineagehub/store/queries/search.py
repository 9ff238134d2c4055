"""Search: jobs and datasets by a part of their name, in pages by keyset. Called by `GET /api/v1/search`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.links import Parameters

Filter = Literal["job", "dataset"]
Sort = Literal["name", "updated"]
Place = tuple[str, str, str, str]
"""The last result served: when it was updated, name, type, namespace."""

_KINDS = {
    "job": "SELECT 'JOB' AS type, JobNamespace AS namespace, JobName AS name, UpdatedAt AS updatedAt"
    " FROM read_lineage_jobs(ns = {ns:String})",
    "dataset": "SELECT 'DATASET' AS type, DatasetNamespace AS namespace, DatasetName AS name, UpdatedAt AS updatedAt"
    " FROM read_lineage_datasets(ns = {ns:String})",
}
WANTED = (
    " WHERE ({q:String} = '' OR positionCaseInsensitiveUTF8(name, {q:String}) > 0)"
    " AND ({namespace:String} = '' OR namespace = {namespace:String})"
)
_ORDERS = {
    "name": "ORDER BY name, type, namespace",
    "updated": "ORDER BY updatedAt DESC, name, type, namespace",
}
_AFTER_UPDATED = "parseDateTime64BestEffort({after_updated:String}, 6, 'UTC')"
_AFTER_NAME = "(name, type, namespace) > ({after_name:String}, {after_type:String}, {after_namespace:String})"
_BEYOND = {
    "name": _AFTER_NAME,
    "updated": f"(updatedAt < {_AFTER_UPDATED} OR updatedAt = {_AFTER_UPDATED} AND {_AFTER_NAME})",
}


class SearchResult(BaseModel):
    """One job or dataset. The last members are there with `scope=shared`."""

    type: Literal["JOB", "DATASET"]
    name: str
    updatedAt: str | None = Field(description="Null for what another namespace shares.")  # noqa: N815 Marquez's names
    namespace: str
    nodeId: str  # noqa: N815
    sharedBy: str | None = Field(None, description="The namespace that shares it; null for the own.")  # noqa: N815
    description: str | None = Field(None, description="Of a dataset, from its documentation facet.")
    owners: list[str] = Field([], description="Of a dataset, from its ownership facet.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for; empty texts and None wish nothing."""

    text: str
    kind: Filter | None
    namespace: str
    sort: Sort


class SearchPage(BaseModel):
    """The answer of `GET /api/v1/search`."""

    totalCount: int  # noqa: N815
    results: list[SearchResult]
    nextCursor: str | None = Field(None, description="Leads to the next page; null on the last.")  # noqa: N815


async def search(
    clickhouse: ClickHouse, namespace: str, wanted: Wanted, limit: int, after: Place | None
) -> tuple[SearchPage, Place | None]:
    """Return a page after the place, without its cursor, and the place to go on from; None at the end."""
    rows_sql = own_rows(wanted)
    parameters: Parameters = {"ns": namespace, "q": wanted.text, "namespace": wanted.namespace}
    places: Parameters = {}
    if after is not None:
        places = dict(zip(("after_updated", "after_name", "after_type", "after_namespace"), after, strict=True))
    beyond = _BEYOND[wanted.sort] if after is not None else "1"
    rows, total = await asyncio.gather(
        clickhouse.select(
            f"SELECT * FROM ({rows_sql}) WHERE {beyond} {_ORDERS[wanted.sort]} LIMIT {{page:UInt32}}",  # noqa: S608 constants
            {**parameters, **places, "page": limit + 1},
        ),
        clickhouse.select(f"SELECT count() AS total FROM ({rows_sql})", parameters),  # noqa: S608 constants
    )
    results = [
        SearchResult(**row, nodeId=f"{row['type'].lower()}:{row['namespace']}:{row['name']}") for row in rows[:limit]
    ]
    page = SearchPage(totalCount=total[0]["total"], results=results, nextCursor=None)
    if len(rows) <= limit:
        return page, None
    last = rows[limit - 1]
    return page, (last["updatedAt"], last["name"], last["type"], last["namespace"])


def own_rows(wanted: Wanted) -> str:
    """Return the SELECT of all that a namespace has and that is wanted; `ns`, `q` and `namespace` are its parameters."""
    return " UNION ALL ".join(f"{sql}{WANTED}" for kind, sql in _KINDS.items() if wanted.kind in (None, kind))
