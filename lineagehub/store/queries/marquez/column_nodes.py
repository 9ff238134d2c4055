"""Which columns a node id of `/column-lineage` means: namespaces, names and fields hold colons themselves, so the store decides."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.column_edges import Column
from lineagehub.store.queries.events import LATEST
from lineagehub.store.queries.marquez.columns import open_columns
from lineagehub.store.queries.marquez.dataset_versions import version_rows
from lineagehub.store.queries.marquez.datasets import existing_datasets, field_types
from lineagehub.store.queries.marquez.identities import dataset_version
from lineagehub.store.queries.marquez.jobs import job_by_name, job_rows, job_versions, with_latest_runs
from lineagehub.store.queries.marquez.tenant import Data, Tenant
from lineagehub.store.queries.node_ids import ColumnNodeId, Node, NodeId


@dataclass(frozen=True, slots=True)
class ColumnNode:
    """A node id as it was asked for."""

    id: ColumnNodeId | NodeId
    version: uuid.UUID | None

    @classmethod
    def parse(cls, text: str) -> ColumnNode:
        """Return the node that `text` is. Raises ValueError with a sentence that says how one looks."""
        match = re.fullmatch(r"(.*)#([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})", text, re.DOTALL)
        bare, version = (match[1], uuid.UUID(match[2])) if match else (text, None)
        if bare.startswith("job:"):
            return cls(NodeId.parse(bare), version)
        try:
            return cls(ColumnNodeId.parse(bare), version)
        except ValueError as error:
            raise ValueError(f"{str(error).removesuffix('.')} or job:{{namespace}}:{{name}}.") from error


@dataclass(frozen=True, slots=True)
class Start:
    """Where a walk begins: all columns of these datasets, or the one called `field`; and the time it is of, None being now."""

    datasets: set[Name]
    field: str
    as_of: datetime | None


async def find_start(tenant: Tenant, node: ColumnNode) -> Start | None:
    """Return where the walk from a node begins, or None if the tenant knows no such node."""
    if isinstance(node.id, NodeId):
        return await _start_of_job(tenant, node.id, node.version)
    columns = [(tenant.aliases.name_of((dataset[1], dataset[2])), field) for dataset, field in node.id.columns()]
    known = await existing_datasets(tenant, {name for name, _ in columns})
    for name, field in columns:
        if name in known and (not field or await _has_field(tenant, name, field)):
            if node.version is None:
                return Start({name}, field, None)
            as_of = await _time_of_version(tenant, name, node.version)
            return Start({name}, field, as_of) if as_of else None
    return None


async def _has_field(tenant: Tenant, name: Name, field: str) -> bool:
    """Tell whether the schema has a field, or an edge, which may come without a schema."""
    if (name, field) in await field_types(tenant, {name}):
        return True
    column, edges = Column(Node("dataset", *name), field), open_columns(tenant)
    beside = await edges.into([column.dataset]) + await edges.out_of([column.dataset])
    return any(column in (edge.origin, edge.destination) for edge in beside)


async def _time_of_version(tenant: Tenant, name: Name, version: uuid.UUID) -> datetime | None:
    rows = await version_rows(tenant, name, version)
    if rows:
        return datetime.fromisoformat(rows[0]["Updated"])
    return LATEST if str(version) == dataset_version(name, "") else None


async def _start_of_job(tenant: Tenant, node: NodeId, version: uuid.UUID | None) -> Start | None:
    rows = await job_rows(tenant, node.nodes())
    if not rows:
        return None
    name = rows[0]["JobNamespace"], rows[0]["JobName"]
    if version is None:
        job = await job_by_name(tenant, name)
        return Start(_names(job["outputs"]), "", None) if job else None
    found = [item for item in await job_versions(tenant, name) if item["version"] == str(version)]
    if not found:
        return None
    run = (await with_latest_runs(tenant, found))[0]["latestRun"]
    as_of = run["updatedAt"] if run else found[0]["createdAt"]
    return Start(_names(found[0]["outputs"]), "", datetime.fromisoformat(as_of))


def _names(ids: list[Data]) -> set[Name]:
    return {(item["namespace"], item["name"]) for item in ids}
