"""Edges between columns as the latest columnLineage and lineage facets have them, and in Marquez's shape on a dataset.

Of an edge's `transformations` the first gives Marquez's single type and description, which Marquez itself loses. Edges of a whole dataset
have no place in Marquez's shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.links import AS_OF, IN_DATASETS
from lineagehub.store.queries.marquez.tenant import Data, Tenant

Column = tuple[Name, str]
"""A dataset's canonical name, and the field."""

_OWNER = (
    "if(Source = 'job', '', toString(DatasetNamespace)), if(Source = 'job', '', DatasetName), JobNamespace, JobName"
)
_EDGES = f"""
SELECT DISTINCT
    DatasetNamespace, DatasetName, OutputField, InputNamespace, InputName, InputField, Transformations, TransformationType,
    TransformationDescription
FROM read_lineage_column_edges(ns = {{ns:String}})
WHERE {IN_DATASETS} AND OutputField != '' AND InputField != '' AND (toString(Source), {_OWNER}, Hash) IN
(
    SELECT toString(Source), toString(DatasetNamespace), DatasetName, JobNamespace, JobName, argMax(Hash, EventTime)
    FROM read_lineage_facet_versions(ns = {{ns:String}})
    WHERE {{time}} AND (Source = 'job' OR {IN_DATASETS})
    GROUP BY Source, DatasetNamespace, DatasetName, JobNamespace, JobName
)
ORDER BY DatasetNamespace, DatasetName, OutputField, InputNamespace, InputName, InputField
"""  # noqa: S608 constants
_READERS = (
    "SELECT DISTINCT DatasetNamespace, DatasetName FROM read_lineage_column_outputs(ns = {ns:String})"
    " WHERE (InputNamespace, InputName) IN"
    " (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
)


@dataclass(frozen=True, slots=True)
class ColumnEdge:
    """One column that comes from another."""

    output: Column
    input: Column
    transformation_type: str | None
    transformation_description: str | None


async def current_edges(
    tenant: Tenant, outputs: Iterable[Name], as_of: str | None = None
) -> dict[Name, list[ColumnEdge]]:
    """Return the edges that end in these datasets, by dataset, now or as of a time (ISO 8601)."""
    sql = _EDGES.replace("{time}", f"EventTime <= {AS_OF}" if as_of else "1")
    rows = await tenant.select_for(sql, tenant.all_names(outputs), **({"as_of": as_of} if as_of else {}))
    edges: dict[Name, dict[tuple[Column, Column], ColumnEdge]] = {}
    for edge in (_edge(tenant, row) for row in rows):
        edges.setdefault(edge.output[0], {}).setdefault((edge.output, edge.input), edge)
    return {name: list(found.values()) for name, found in edges.items()}


async def readers_of(tenant: Tenant, inputs: Iterable[Name]) -> set[Name]:
    """Return the datasets whose columns have ever come from one of these datasets."""
    rows = await tenant.select_for(_READERS, tenant.all_names(inputs))
    return {tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"])) for row in rows}


def lineage_by_field(edges: list[ColumnEdge]) -> list[Data] | None:
    """Return Marquez's columnLineage of a dataset, or None if no column of it is known to come from another."""
    fields: dict[str, list[Data]] = {}
    for edge in edges:
        fields.setdefault(edge.output[1], []).append(
            {
                "namespace": edge.input[0][0],
                "dataset": edge.input[0][1],
                "field": edge.input[1],
                "transformationDescription": edge.transformation_description,
                "transformationType": edge.transformation_type,
            }
        )
    if not fields:
        return None
    return [
        {
            "name": name,
            "inputFields": inputs,
            "transformationDescription": inputs[0]["transformationDescription"],
            "transformationType": inputs[0]["transformationType"],
        }
        for name, inputs in fields.items()
    ]


def _edge(tenant: Tenant, row: Data) -> ColumnEdge:
    first = _first_transformation(row["Transformations"])
    return ColumnEdge(
        output=(tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"])), row["OutputField"]),
        input=(tenant.aliases.name_of((row["InputNamespace"], row["InputName"])), row["InputField"]),
        transformation_type=row["TransformationType"] or first.get("type"),
        transformation_description=row["TransformationDescription"] or first.get("description"),
    )


def _first_transformation(text: str) -> dict[str, Any]:
    transformations = orjson.loads(text) if text else None
    first = transformations[0] if isinstance(transformations, list) and transformations else None
    return first if isinstance(first, dict) else {}
