"""The facets of a dataset as it was read: `inputFacets` of `inputs[]`."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from lineagehub.contract.lineage.facets.base import Facet, Part
from lineagehub.contract.lineage.facets.quality import ColumnMetrics
from lineagehub.contract.lineage.formats import DateTime, Integer


class Assertion(Part):
    """One expectation of the data, and whether it held."""

    assertion: str
    success: bool
    column: str | UnsetType = UNSET
    severity: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    actual: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    content_type: str | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET


class DataQualityAssertionsDatasetFacet(Facet):
    """The expectations that were checked. An input's facet, whatever its name says."""

    assertions: list[Assertion]


class DataQualityMetricsInputDatasetFacet(Facet):
    """Counts and figures of what was read."""

    column_metrics: dict[str, ColumnMetrics]
    row_count: Integer | UnsetType = UNSET
    bytes: Integer | UnsetType = UNSET
    file_count: Integer | UnsetType = UNSET
    last_updated: DateTime | UnsetType = UNSET


class InputStatisticsInputDatasetFacet(Facet):
    """How much was read; `size` in bytes."""

    row_count: Integer | UnsetType = UNSET
    size: Integer | UnsetType = UNSET
    file_count: Integer | UnsetType = UNSET
