"""The facets of a dataset, read, written or by itself: `facets` of `inputs[]`, `outputs[]` and `dataset`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from lineagehub.contract.lineage.facets.base import DeletableFacet, Owner, Part, Tag
from lineagehub.contract.lineage.facets.entities import LineageFieldEntry, LineageInput, LineageTransformation
from lineagehub.contract.lineage.facets.quality import ColumnMetrics
from lineagehub.contract.lineage.formats import DateTime, Integer, UriReference

LifecycleState = Annotated[
    Literal["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"],
    Meta(description="one of ALTER, CREATE, DROP, OVERWRITE, RENAME, TRUNCATE"),
]


class CatalogDatasetFacet(DeletableFacet):
    """The catalog that lists the dataset."""

    framework: str
    type: str
    name: str
    metadata_uri: str | UnsetType = UNSET
    warehouse_uri: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    catalog_properties: dict[str, str] | UnsetType = UNSET


class InputField(Part):
    """A column that feeds another, and how."""

    namespace: str
    name: str
    field: str
    transformations: list[LineageTransformation] | UnsetType = UNSET


class ColumnLineageField(Part):
    """What feeds one column. The two texts are deprecated for `transformations` of each input."""

    input_fields: list[InputField]
    transformation_description: str | UnsetType = UNSET
    transformation_type: str | UnsetType = UNSET


class ColumnLineageDatasetFacet(DeletableFacet):
    """Which columns feed which; `dataset` are those that feed all, as a filter or join does."""

    fields: dict[str, ColumnLineageField]
    dataset: list[InputField] | UnsetType = UNSET


class DataQualityMetricsDatasetFacet(DeletableFacet):
    """Counts and figures of the dataset as it stood at the capture date (new in 1-0-1). `bytes` is its size."""

    column_metrics: dict[str, ColumnMetrics]
    row_count: Integer | UnsetType = UNSET
    bytes: Integer | UnsetType = UNSET
    file_count: Integer | UnsetType = UNSET
    last_updated: DateTime | UnsetType = UNSET
    capture_date: DateTime | UnsetType = UNSET


class DatasetTypeDatasetFacet(DeletableFacet):
    """What kind of dataset: a table, a view, a topic."""

    dataset_type: str
    sub_type: str | UnsetType = UNSET


class DatasetVersionDatasetFacet(DeletableFacet):
    """The version that was read or written."""

    dataset_version: str


class DatasourceDatasetFacet(DeletableFacet):
    """Where the dataset lives."""

    name: str | UnsetType = UNSET
    # The specification asks for an absolute one; Spark and dbt say `file` and `bigquery`.
    uri: UriReference | UnsetType = UNSET


class DocumentationDatasetFacet(DeletableFacet):
    """What the dataset is."""

    description: str
    content_type: str | UnsetType = UNSET


class HierarchyDatasetFacetLevel(Part):
    """One level above the dataset, or the dataset itself."""

    type: str
    name: str


class HierarchyDatasetFacet(DeletableFacet):
    """The levels that hold the dataset, from the topmost."""

    hierarchy: list[HierarchyDatasetFacetLevel]


class PreviousIdentifier(Part):
    """The dataset's name before it was renamed."""

    name: str
    namespace: str


class LifecycleStateChangeDatasetFacet(DeletableFacet):
    """What happened to the dataset as a whole."""

    lifecycle_state_change: LifecycleState
    previous_identifier: PreviousIdentifier | UnsetType = UNSET


class LineageDatasetFacet(DeletableFacet):
    """What feeds the dataset, said outright."""

    inputs: list[LineageInput] | UnsetType = UNSET
    fields: dict[str, LineageFieldEntry] | UnsetType = UNSET


class OwnershipDatasetFacet(DeletableFacet):
    """Who answers for the dataset."""

    owners: list[Owner] | UnsetType = UNSET


class SchemaDatasetFacetFields(Part):
    """One column, with those inside of it."""

    name: str
    type: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    ordinal_position: Integer | UnsetType = field(name="ordinal_position", default=UNSET)
    fields: list[SchemaDatasetFacetFields] | UnsetType = UNSET


class SchemaDatasetFacet(DeletableFacet):
    """The columns."""

    fields: list[SchemaDatasetFacetFields] | UnsetType = UNSET


class StorageDatasetFacet(DeletableFacet):
    """How the dataset is stored."""

    storage_layer: str
    file_format: str | UnsetType = UNSET


class SymlinksDatasetFacetIdentifier(Part):
    """Another name of the dataset."""

    namespace: str
    name: str
    type: str


class SymlinksDatasetFacet(DeletableFacet):
    """The dataset's other names."""

    identifiers: list[SymlinksDatasetFacetIdentifier] | UnsetType = UNSET


class TagsDatasetFacetFields(Tag):
    """A label of the dataset, or of one of its fields."""

    field: str | UnsetType = UNSET


class TagsDatasetFacet(DeletableFacet):
    """Labels of the dataset and its fields."""

    tags: list[TagsDatasetFacetFields] | UnsetType = UNSET
