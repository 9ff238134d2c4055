"""The facets of a dataset as it was written: `outputFacets` of `outputs[]`."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from lineagehub.contract.lineage.facets.base import Facet
from lineagehub.contract.lineage.formats import Integer


class OutputStatisticsOutputDatasetFacet(Facet):
    """How much was written; `size` in bytes."""

    row_count: Integer | UnsetType = UNSET
    size: Integer | UnsetType = UNSET
    file_count: Integer | UnsetType = UNSET
