"""One job: its facets, its parent, its children, its runs. Marquez's job without what only a graph needs."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.facets import job_facets

MAXIMUM_CHILDREN = 1_000


class JobName(BaseModel):
    """A job by namespace and name."""

    namespace: str
    name: str


class Job(BaseModel):
    """A job as its events tell of it. `parent` and `root` are those of the latest parent facet."""

    namespace: str
    name: str
    createdAt: str  # noqa: N815 Marquez's names
    updatedAt: str  # noqa: N815
    latestRunId: str | None  # noqa: N815
    parent: JobName | None
    root: JobName | None
    children: list[JobName]
    facets: dict[str, Any]


async def job_by_name(clickhouse: ClickHouse, namespace: str, job: Name) -> Job | None:
    """Return a job of the namespace, or None."""
    parameters = {"ns": namespace, "namespace": job[0], "name": job[1]}
    rows, facets, children = await asyncio.gather(
        clickhouse.select(
            "SELECT CreatedAt, UpdatedAt, LatestRun.2 AS RunId, Parent.2 AS ParentNamespace, Parent.3 AS ParentName,"
            " Root.2 AS RootNamespace, Root.3 AS RootName FROM read_lineage_jobs(ns = {ns:String})"
            " WHERE JobNamespace = {namespace:String} AND JobName = {name:String}",
            parameters,
        ),
        job_facets(clickhouse, namespace, job),
        _children(clickhouse, parameters),
    )
    if not rows:
        return None
    row = rows[0]
    return Job(
        namespace=job[0],
        name=job[1],
        createdAt=row["CreatedAt"],
        updatedAt=row["UpdatedAt"],
        latestRunId=row["RunId"] or None,
        parent=_named(row["ParentNamespace"], row["ParentName"]),
        root=_named(row["RootNamespace"], row["RootName"]),
        children=children,
        facets=facets,
    )


async def _children(clickhouse: ClickHouse, parameters: dict[str, str]) -> list[JobName]:
    """Return the jobs whose parent is this one now; a job that has another parent since is not one of them."""
    rows = await clickhouse.select(
        "SELECT JobNamespace AS namespace, JobName AS name FROM read_lineage_jobs(ns = {ns:String})"  # noqa: S608 a constant
        " WHERE (JobNamespace, JobName) IN"
        " (SELECT JobNamespace, JobName FROM read_lineage_job_children(ns = {ns:String})"
        " WHERE ParentNamespace = {namespace:String} AND ParentName = {name:String})"
        " AND Parent.2 = {namespace:String} AND Parent.3 = {name:String}"
        f" ORDER BY namespace, name LIMIT {MAXIMUM_CHILDREN}",
        parameters,
    )
    return [JobName(**row) for row in rows]


def _named(namespace: str, name: str) -> JobName | None:
    return JobName(namespace=namespace, name=name) if name else None
