"""Figures of columns, shared by the `dataQualityMetrics` of a dataset and of an input."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from lineagehub.contract.lineage.facets.base import Part
from lineagehub.contract.lineage.formats import Integer, Number


class ColumnMetrics(Part):
    """Figures of one column; `quantiles` by the quantile, as "0.1"."""

    null_count: Integer | UnsetType = UNSET
    distinct_count: Integer | UnsetType = UNSET
    sum: Number | UnsetType = UNSET
    count: Number | UnsetType = UNSET
    min: Number | UnsetType = UNSET
    max: Number | UnsetType = UNSET
    quantiles: dict[str, Number] | UnsetType = UNSET
