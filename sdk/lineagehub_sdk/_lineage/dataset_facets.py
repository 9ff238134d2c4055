"""Facets of one dataset of a run: how much was read or written, its columns, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lineagehub_sdk._lineage.datasets import Dataset, to_openlineage
from lineagehub_sdk._lineage.facets import facet

Schema = Any
"""Columns: a mapping of name to type, pairs of them, OpenLineage's own fields, or the `dtypes` of a pandas or Spark frame."""
ColumnSource = str | tuple[Dataset, str] | Mapping[str, Any]
"""A column that another one comes from: (dataset, column); the column alone, where the run has one input; OpenLineage's own input field."""
ColumnLineage = Mapping[str, ColumnSource | Sequence[ColumnSource]]
"""For each column written, what it comes from."""


def with_facets(dataset: dict[str, Any], member: str, facets: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a dataset with these facets in its `facets`, `inputFacets` or `outputFacets`."""
    return {**dataset, member: {**dataset.get(member, {}), **facets}} if facets else dataset


def input_statistics(rows: int | None, size: int | None) -> dict[str, Any]:
    """Return the facet of what was read, {} for nothing known; `size` in bytes."""
    if rows is None and size is None:
        return {}
    return {"inputStatistics": facet("1-0-0/InputStatisticsInputDatasetFacet", **_counts(rows, size))}


def output_statistics(rows: int | None, size: int | None) -> dict[str, Any]:
    """Return the facet of what was written, {} for nothing known; `size` in bytes."""
    if rows is None and size is None:
        return {}
    return {"outputStatistics": facet("1-0-2/OutputStatisticsOutputDatasetFacet", **_counts(rows, size))}


def schema_facet(schema: Schema) -> dict[str, Any]:
    """Return the facet of the columns, {} for None. Raises TypeError or ValueError for what tells no columns."""
    if schema is None:
        return {}
    columns = schema.items() if hasattr(schema, "items") else schema
    return {"schema": facet("1-2-0/SchemaDatasetFacet", fields=[_field(column) for column in columns])}


def column_lineage_facet(lineage: ColumnLineage | None, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facet of where columns come from, {} for None. Raises TypeError or ValueError for a source that cannot be told."""
    if lineage is None:
        return {}
    fields = {
        str(column): {"inputFields": [_input_field(source, inputs) for source in _sources(sources)]}
        for column, sources in lineage.items()
    }
    return {"columnLineage": facet("1-2-0/ColumnLineageDatasetFacet", fields=fields)}


def _counts(rows: int | None, size: int | None) -> dict[str, int]:
    return {name: int(count) for name, count in (("rowCount", rows), ("size", size)) if count is not None}


def _field(column: Any) -> dict[str, Any]:
    if isinstance(column, Mapping):
        return {**column, "name": str(column["name"])}
    name, kind = column
    return {"name": str(name), "type": str(kind)}


def _sources(sources: Any) -> Iterable[Any]:
    is_pair = isinstance(sources, tuple) and len(sources) == 2 and not isinstance(sources[1], tuple | Mapping)
    return (sources,) if isinstance(sources, str | Mapping) or is_pair else sources


def _input_field(source: Any, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    if isinstance(source, str):
        if len(inputs) != 1:
            raise ValueError(f"column {source!r} is of one of {len(inputs)} inputs: say (dataset, column)")
        dataset, column = inputs[0], source
    else:
        dataset, column = to_openlineage(source[0]), source[1]
    return {"namespace": dataset["namespace"], "name": dataset["name"], "field": str(column)}
