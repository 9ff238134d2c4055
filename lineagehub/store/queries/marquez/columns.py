"""Columns and where they come from, as Marquez shows them: of an edge's transformations the first, which Marquez itself loses.

Edges of a whole dataset, which indirect dependencies lead to, have no place in Marquez's shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.column_edges import ColumnEdge, ColumnEdges
from lineagehub.store.queries.marquez.tenant import Data, Tenant
from lineagehub.store.queries.node_ids import Node


def open_columns(tenant: Tenant, as_of: datetime | None = None) -> ColumnEdges:
    """Return the column edges of a tenant, now or as of an aware time."""
    return ColumnEdges(tenant.clickhouse, tenant.namespace, tenant.aliases, as_of)


def between_columns(edges: Iterable[ColumnEdge]) -> list[ColumnEdge]:
    """Return the edges from one column to another, each once, sorted."""
    found = {
        (edge.destination, edge.origin): edge
        for edge in sorted(edges, key=lambda edge: (edge.job, edge.transformations, edge.type, edge.description))
        if edge.origin.field and edge.destination.field
    }
    return [found[ends] for ends in sorted(found)]


def input_field(edge: ColumnEdge) -> Data:
    """Return Marquez's ColumnLineageInputField."""
    first = edge.steps[0] if edge.steps else {}
    return {
        "namespace": edge.origin.dataset.namespace,
        "dataset": edge.origin.dataset.name,
        "field": edge.origin.field,
        "transformationDescription": edge.description or first.get("description"),
        "transformationType": edge.type or first.get("type"),
    }


def transformation_of(inputs: list[Data]) -> Data:
    """Return the transformation that Marquez shows of a column: that of one of its inputs."""
    names = ("transformationDescription", "transformationType")
    return {name: inputs[0][name] if inputs else None for name in names}


async def column_lineage_of(tenant: Tenant, names: Iterable[Name]) -> dict[Name, list[Data]]:
    """Return Marquez's columnLineage of each dataset of which a column is known to come from another."""
    edges = between_columns(await open_columns(tenant).into(Node("dataset", *name) for name in names))
    fields: dict[Name, dict[str, list[Data]]] = {}
    for edge in edges:
        dataset, field = edge.destination
        fields.setdefault((dataset.namespace, dataset.name), {}).setdefault(field, []).append(input_field(edge))
    return {
        name: [
            {"name": field, "inputFields": inputs, **transformation_of(inputs)} for field, inputs in by_field.items()
        ]
        for name, by_field in fields.items()
    }
