"""Column lineage around a field or a dataset: Marquez's nodes, with transformations and indirect dependencies kept.

A column's node is a DATASET_FIELD. What a whole dataset depends on (filters, joins, orders: `dataset[]` of the facet) leads to a node of
kind DATASET, which comes along with any field of it. Called by `GET /api/v1/column-lineage`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases, read_aliases
from lineagehub.store.queries.column_edges import Column, ColumnEdge, ColumnEdges
from lineagehub.store.queries.links import IN_DATASETS, chunks, names_of
from lineagehub.store.queries.node_ids import ColumnNodeId, Node

MAXIMUM_COLUMNS = 10_000


class InputField(BaseModel):
    """A column that another is made from, and how. An empty field is the whole dataset."""

    namespace: str
    dataset: str
    field: str
    kind: Literal["DIRECT", "INDIRECT"]
    transformations: list[dict[str, Any]]
    job: str = Field(description="The node id of the job whose facet says so; empty for a DatasetEvent's.")


class ColumnData(BaseModel):
    """What is known of a column, or, with an empty field, of a dataset."""

    namespace: str
    dataset: str
    field: str
    fieldType: str | None  # noqa: N815 Marquez's names
    transformationDescription: str | None  # noqa: N815
    transformationType: str | None  # noqa: N815
    inputFields: list[InputField]  # noqa: N815


class ColumnEdgeIds(BaseModel):
    """One edge, by node ids, in the direction of the data."""

    origin: str
    destination: str


class ColumnNode(BaseModel):
    """One column with its edges to other nodes of the same answer."""

    id: str
    type: Literal["DATASET_FIELD", "DATASET"]
    data: ColumnData
    inEdges: list[ColumnEdgeIds]  # noqa: N815
    outEdges: list[ColumnEdgeIds]  # noqa: N815


class ColumnLineage(BaseModel):
    """The answer of `GET /api/v1/column-lineage`. Documents what `column_lineage` returns as plain data."""

    graph: list[ColumnNode]
    truncated: bool = Field(description=f"There are more than {MAXIMUM_COLUMNS} columns; the nearest are here.")


async def column_lineage(
    clickhouse: ClickHouse,
    namespace: str,
    node: ColumnNodeId,
    depth: int,
    *,
    with_downstream: bool,
    as_of: datetime | None = None,
) -> dict[str, Any] | None:
    """Return the columns up to `depth` edges away as a ColumnLineage, or None if the namespace has no such column or dataset."""
    aliases = await read_aliases(clickhouse, namespace)
    edges = ColumnEdges(clickhouse, namespace, aliases, as_of)
    start = await _find(clickhouse, namespace, node, aliases, edges)
    if not start:
        return None
    columns, found, truncated = set(start), set[ColumnEdge](), False
    for downstream in (False, True) if with_downstream else (False,):
        reached, led, cut = await _follow(edges, start, depth, downstream=downstream)
        columns |= reached
        found |= led
        truncated |= cut
    types = await _types(clickhouse, namespace, {column.dataset for column in columns}, aliases)
    return {"graph": _graph(columns, found, types), "truncated": truncated or edges.truncated}


async def _find(
    clickhouse: ClickHouse, namespace: str, node: ColumnNodeId, aliases: Aliases, edges: ColumnEdges
) -> list[Column]:
    """Return the columns to start from: the field, or all of the dataset's that have edges, and the dataset itself."""
    candidates = node.columns()
    known: set[tuple[str, str]] = set()
    for chunk in chunks({dataset for dataset, _ in candidates}):
        rows = await clickhouse.select(
            "SELECT DatasetNamespace, DatasetName FROM read_lineage_datasets(ns = {ns:String})"  # noqa: S608 a constant
            f" WHERE {IN_DATASETS}",
            {"ns": namespace, **names_of(chunk)},
        )
        known |= {(row["DatasetNamespace"], row["DatasetName"]) for row in rows}
    canonical = {dataset: Node("dataset", *aliases.name_of(dataset[1:])) for dataset, _ in candidates}
    fields: dict[Node, set[str]] = {}
    for edge in await edges.into(canonical.values()):
        fields.setdefault(edge.destination.dataset, set()).add(edge.destination.field)
    for edge in await edges.out_of(canonical.values()):
        fields.setdefault(edge.origin.dataset, set()).add(edge.origin.field)
    for candidate, field in candidates:
        dataset = canonical[candidate]
        # What no event has named by itself may be an alias, or an end of an edge that another's facet declares.
        if candidate[1:] not in known and candidate[1:] not in aliases.canonical and dataset not in fields:
            continue
        of_dataset = fields.get(dataset, set())
        if not field:
            return [Column(dataset, name) for name in sorted(of_dataset | {""})]
        types = await _types(clickhouse, namespace, {dataset}, aliases)
        if field in of_dataset or Column(dataset, field) in types:
            return [Column(dataset, field), Column(dataset, "")]
    return []


async def _follow(
    edges: ColumnEdges, start: list[Column], depth: int, *, downstream: bool
) -> tuple[set[Column], set[ColumnEdge], bool]:
    columns, found, frontier = set(start), set[ColumnEdge](), set(start)
    for _ in range(depth):
        datasets = {column.dataset for column in frontier}
        beside = await (edges.out_of(datasets) if downstream else edges.into(datasets))
        led = {edge for edge in beside if (edge.origin if downstream else edge.destination) in frontier}
        found |= led
        frontier = {edge.destination if downstream else edge.origin for edge in led} - columns
        # What the whole dataset depends on, or what depends on it, goes for each of its columns.
        frontier |= {Column(column.dataset, "") for column in frontier} - columns
        room = MAXIMUM_COLUMNS - len(columns)
        if len(frontier) > room:
            columns |= set(sorted(frontier)[:room])
            return columns, found, True
        columns |= frontier
        if not frontier:
            break
    return columns, found, False


async def _types(clickhouse: ClickHouse, namespace: str, datasets: set[Node], aliases: Aliases) -> dict[Column, str]:
    every = [Node("dataset", *name) for dataset in datasets for name in aliases.names_of(dataset[1:])]
    types: dict[Column, str] = {}
    for chunk in chunks(every):
        rows = await clickhouse.select(
            "SELECT DatasetNamespace, DatasetName, JSONExtractRaw(Raw, 'fields') AS Fields"  # noqa: S608 a constant
            f" FROM read_lineage_dataset_facets(ns = {{ns:String}}) WHERE Facet = 'schema' AND {IN_DATASETS}"
            " ORDER BY FacetTime, Raw",
            {"ns": namespace, **names_of(chunk)},
        )
        for row in rows:
            dataset = Node("dataset", *aliases.name_of((row["DatasetNamespace"], row["DatasetName"])))
            fields = orjson.loads(row["Fields"] or "[]")
            for field in fields if isinstance(fields, list) else []:
                if isinstance(field, dict) and isinstance(field.get("name"), str):
                    types[Column(dataset, field["name"])] = str(field.get("type") or "")
    return types


def _graph(columns: set[Column], edges: set[ColumnEdge], types: dict[Column, str]) -> list[dict[str, Any]]:
    ends = {end for edge in edges for end in (edge.origin, edge.destination)}
    shown = {column for column in columns if column.field or column in ends}
    inputs: dict[Column, list[ColumnEdge]] = {}
    into: dict[Column, dict[str, None]] = {}
    out: dict[Column, dict[str, None]] = {}
    for edge in sorted(edges, key=lambda edge: (edge.origin, edge.destination, edge.job, edge.transformations)):
        if edge.origin in shown and edge.destination in shown:
            inputs.setdefault(edge.destination, []).append(edge)
            into.setdefault(edge.destination, {})[edge.origin.id] = None
            out.setdefault(edge.origin, {})[edge.destination.id] = None
    return [
        {
            "id": column.id,
            "type": "DATASET_FIELD" if column.field else "DATASET",
            "data": _data(column, inputs.get(column, []), types.get(column)),
            "inEdges": [{"origin": origin, "destination": column.id} for origin in into.get(column, ())],
            "outEdges": [{"origin": column.id, "destination": destination} for destination in out.get(column, ())],
        }
        for column in sorted(shown)
    ]


def _data(column: Column, edges: list[ColumnEdge], field_type: str | None) -> dict[str, Any]:
    steps = [step for edge in edges for step in edge.steps]
    return {
        "namespace": column.dataset.namespace,
        "dataset": column.dataset.name,
        "field": column.field,
        "fieldType": field_type or None,
        "transformationDescription": _first(
            [edge.description for edge in edges] + [step.get("description") for step in steps]
        ),
        "transformationType": _first(
            [edge.type for edge in edges] + [step.get("subtype") or step.get("type") for step in steps]
        ),
        "inputFields": [
            {
                "namespace": edge.origin.dataset.namespace,
                "dataset": edge.origin.dataset.name,
                "field": edge.origin.field,
                "kind": "DIRECT" if edge.is_direct else "INDIRECT",
                "transformations": edge.steps,
                "job": f"job:{edge.job[0]}:{edge.job[1]}" if edge.job[1] else "",
            }
            for edge in edges
        ],
    }


def _first(values: list[Any]) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)
