"""Column lineage as Marquez's `/column-lineage` answers it: columns upstream of a column, a dataset or a job's outputs, and downstream.

As in Marquez, the way back up from what lies downstream counts, too. Where Marquez finds nothing downstream of a column that comes from
nowhere, here that column's own edges are the first.
An edge always leads from the node that has it: `inEdges` to where a column comes from, `outEdges` to what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.column_edges import Column, ColumnEdge
from lineagehub.store.queries.marquez.columns import between_columns, input_field, open_columns, transformation_of
from lineagehub.store.queries.marquez.dataset_versions import versions_at
from lineagehub.store.queries.marquez.datasets import field_types
from lineagehub.store.queries.marquez.tenant import Data, Tenant
from lineagehub.store.queries.node_ids import Node

MAXIMUM_EDGES = 20_000
"""A larger graph is cut here."""


async def column_graph(
    tenant: Tenant,
    names: Iterable[Name],
    field: str,
    depth: int,
    *,
    downstream: bool,
    as_of: datetime | None = None,
) -> Data:
    """Return the graph around the columns of these datasets, or around the one called `field` of them.

    `depth`: edges on the way, at least one. `as_of`: an aware time; the edges are those of then, and node ids name versions.
    """
    start = {Node("dataset", *name) for name in names}
    edges = await _walk(tenant, start, field, max(depth, 1), downstream=downstream, as_of=as_of)
    datasets = {end.dataset[1:] for edge in edges for end in (edge.origin, edge.destination)}
    versions = await versions_at(tenant, datasets, as_of)
    types = await field_types(tenant, {edge.destination.dataset[1:] for edge in edges})
    return {"graph": _nodes(edges, versions, types, with_versions=as_of is not None)}


async def _walk(
    tenant: Tenant, start: set[Node], field: str, depth: int, *, downstream: bool, as_of: datetime | None
) -> list[ColumnEdge]:
    edges = open_columns(tenant, as_of)

    def is_start(column: Column) -> bool:
        return column.dataset in start and field in ("", column.field)

    beside = await edges.into(start) + (await edges.out_of(start) if downstream else [])
    frontier = [edge for edge in beside if is_start(edge.destination) or (downstream and is_start(edge.origin))]
    found: dict[tuple[Column, Column], ColumnEdge] = {}
    for level in range(depth):
        frontier = between_columns(frontier)
        found.update({(edge.origin, edge.destination): edge for edge in frontier})
        if not frontier or level == depth - 1 or len(found) >= MAXIMUM_EDGES:
            break
        upstream = {edge.origin for edge in frontier}
        reached = {edge.destination for edge in frontier} if downstream else set()
        beside = await edges.into(column.dataset for column in upstream)
        beside += await edges.out_of({column.dataset for column in reached})
        frontier = [
            edge
            for edge in beside
            if (edge.destination in upstream or edge.origin in reached) and (edge.origin, edge.destination) not in found
        ]
    return list(found.values())[:MAXIMUM_EDGES]


def _nodes(
    edges: list[ColumnEdge], versions: dict[Name, str], types: dict[tuple[Name, str], str], *, with_versions: bool
) -> list[Data]:
    inputs: dict[Column, list[ColumnEdge]] = {}
    outputs: dict[Column, list[ColumnEdge]] = {}
    for edge in edges:
        inputs.setdefault(edge.destination, []).append(edge)
        outputs.setdefault(edge.origin, []).append(edge)

    def id_of(column: Column) -> str:
        return f"{column.id}#{versions[column.dataset[1:]]}" if with_versions else column.id

    def edges_to(column: Column, others: Iterable[Column]) -> list[Data]:
        return [{"origin": id_of(column), "destination": other} for other in sorted(map(id_of, others))]

    return sorted(
        (
            {
                "id": id_of(column),
                "type": "DATASET_FIELD",
                "data": _data(column, inputs.get(column, []), versions, types),
                "inEdges": edges_to(column, (edge.origin for edge in inputs.get(column, []))),
                "outEdges": edges_to(column, (edge.destination for edge in outputs.get(column, []))),
            }
            for column in inputs.keys() | outputs.keys()
        ),
        key=lambda node: str(node["id"]),
    )


def _data(
    column: Column, edges: list[ColumnEdge], versions: dict[Name, str], types: dict[tuple[Name, str], str]
) -> Data:
    inputs = [
        {**input_field(edge), "datasetVersion": versions[edge.origin.dataset[1:]]} for edge in between_columns(edges)
    ]
    return {
        "namespace": column.dataset.namespace,
        "dataset": column.dataset.name,
        "datasetVersion": versions[column.dataset[1:]],
        "field": column.field,
        "fieldType": types.get((column.dataset[1:], column.field)) if edges else "",
        **transformation_of(inputs),
        "inputFields": inputs,
    }
