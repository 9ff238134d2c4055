"""Column lineage as Marquez's `/column-lineage` answers it: columns upstream of a column, a dataset or a job's outputs, and downstream.

Where Marquez finds nothing downstream of a column that comes from nowhere, here that column's own edges are the first.
An edge always leads from the node that has it: `inEdges` to where a column comes from, `outEdges` to what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.links import IN_DATASETS
from lineagehub.store.queries.marquez.column_edges import Column, ColumnEdge, current_edges, readers_of
from lineagehub.store.queries.marquez.dataset_versions import versions_at
from lineagehub.store.queries.marquez.tenant import Data, Tenant

MAXIMUM_EDGES = 20_000
"""A larger graph is cut here."""

_SCHEMAS = (
    "SELECT DatasetNamespace, DatasetName, FacetTime, Raw FROM read_lineage_dataset_facets(ns = {ns:String})"  # noqa: S608 a constant
    f" WHERE Part = 'facets' AND Facet = 'schema' AND {IN_DATASETS} ORDER BY FacetTime"
)


async def fields_of(tenant: Tenant, names: Iterable[Name]) -> dict[Column, str]:
    """Return the columns that the datasets' schemas have now, with their types."""
    fields: dict[Column, str] = {}
    for row in await tenant.select_for(_SCHEMAS, tenant.all_names(names)):
        name = tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"]))
        schema = orjson.loads(row["Raw"]).get("fields")
        for field in schema if isinstance(schema, list) else ():
            if isinstance(field, dict) and isinstance(field.get("name"), str):
                fields[(name, field["name"])] = field.get("type") or ""
    return fields


async def column_graph(
    tenant: Tenant,
    names: set[Name],
    field: str,
    depth: int,
    *,
    downstream: bool,
    as_of: str | None = None,
) -> Data:
    """Return the graph around the columns of these datasets, or around the one called `field` of them.

    `depth`: edges on the way, at least one. `as_of`: an ISO 8601 time; the edges are those of then, and node ids name versions.
    """
    walk = _Walk(tenant, as_of, downstream=downstream)
    edges = await walk.from_datasets(names, field, max(depth, 1))
    datasets = {column[0] for edge in edges for column in (edge.output, edge.input)}
    versions = await versions_at(tenant, datasets, as_of)
    types = await fields_of(tenant, {edge.output[0] for edge in edges})
    return {"graph": _nodes(edges, versions, types, with_versions=as_of is not None)}


class _Walk:
    """Follows edges level by level; the edges of a dataset are asked for once."""

    def __init__(self, tenant: Tenant, as_of: str | None, *, downstream: bool) -> None:
        self._tenant = tenant
        self._as_of = as_of
        self._downstream = downstream
        self._edges: dict[Name, list[ColumnEdge]] = {}
        self._readers_known: set[Name] = set()

    async def from_datasets(self, names: set[Name], field: str, depth: int) -> list[ColumnEdge]:
        """Return the edges up to `depth` away."""

        def is_start(column: Column) -> bool:
            return column[0] in names and field in ("", column[1])

        await self._load(names)
        found: dict[tuple[Column, Column], ColumnEdge] = {}
        frontier = [
            edge for edge in self._all() if is_start(edge.output) or (self._downstream and is_start(edge.input))
        ]
        for level in range(depth):
            found.update({(edge.output, edge.input): edge for edge in frontier})
            if not frontier or level == depth - 1 or len(found) >= MAXIMUM_EDGES:
                break
            upstream = {edge.input for edge in frontier}
            downstream = {edge.output for edge in frontier} if self._downstream else set()
            await self._load({column[0] for column in upstream | downstream})
            frontier = [
                edge
                for edge in self._all()
                if (edge.output in upstream or edge.input in downstream) and (edge.output, edge.input) not in found
            ]
        return list(found.values())[:MAXIMUM_EDGES]

    def _all(self) -> Iterable[ColumnEdge]:
        return (edge for edges in self._edges.values() for edge in edges)

    async def _load(self, names: set[Name]) -> None:
        wanted = set(names)
        if self._downstream:
            new = names - self._readers_known
            self._readers_known |= new
            wanted |= await readers_of(self._tenant, new)
        missing = wanted - self._edges.keys()
        found = await current_edges(self._tenant, missing, self._as_of)
        self._edges.update({name: found.get(name, []) for name in missing})


def _nodes(
    edges: list[ColumnEdge], versions: dict[Name, str], types: dict[Column, str], *, with_versions: bool
) -> list[Data]:
    inputs: dict[Column, list[ColumnEdge]] = {}
    outputs: dict[Column, list[ColumnEdge]] = {}
    for edge in edges:
        inputs.setdefault(edge.output, []).append(edge)
        outputs.setdefault(edge.input, []).append(edge)

    def id_of(column: Column) -> str:
        (namespace, name), field = column
        version = f"#{versions[column[0]]}" if with_versions else ""
        return f"datasetField:{namespace}:{name}:{field}{version}"

    def edges_to(column: Column, others: Iterable[Column]) -> list[Data]:
        return [{"origin": id_of(column), "destination": other} for other in sorted(map(id_of, others))]

    return sorted(
        (
            {
                "id": id_of(column),
                "type": "DATASET_FIELD",
                "data": _data(column, inputs.get(column, []), versions, types),
                "inEdges": edges_to(column, (edge.input for edge in inputs.get(column, []))),
                "outEdges": edges_to(column, (edge.output for edge in outputs.get(column, []))),
            }
            for column in inputs.keys() | outputs.keys()
        ),
        key=lambda node: str(node["id"]),
    )


def _data(column: Column, edges: list[ColumnEdge], versions: dict[Name, str], types: dict[Column, str]) -> Data:
    (namespace, name), field = column
    return {
        "namespace": namespace,
        "dataset": name,
        "datasetVersion": versions[column[0]],
        "field": field,
        "fieldType": types.get(column) if edges else "",
        "transformationDescription": edges[0].transformation_description if edges else None,
        "transformationType": edges[0].transformation_type if edges else None,
        "inputFields": [
            {
                "namespace": edge.input[0][0],
                "dataset": edge.input[0][1],
                "datasetVersion": versions[edge.input[0]],
                "field": edge.input[1],
                "transformationDescription": edge.transformation_description,
                "transformationType": edge.transformation_type,
            }
            for edge in edges
        ],
    }
