"""The explicit lineage of the facet `lineage`, which jobs and datasets share: entries, their inputs, fields and transformations."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from lineagehub.contract.lineage.facets.base import Part
from lineagehub.contract.lineage.formats import Uuid


class LineageTransformation(Part):
    """How data of the source went into the target."""

    type: str
    subtype: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    masking: bool | UnsetType = UNSET


class LineageDatasetInput(Part, tag_field="type", tag="DATASET"):
    """A dataset, or a field of it, that feeds the target."""

    namespace: str
    name: str
    field: str | UnsetType = UNSET
    transformations: list[LineageTransformation] | UnsetType = UNSET


class _NamedJob(Part):
    """A job by namespace and name, or by neither: then it is the event's own."""

    namespace: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    run_id: Uuid | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.namespace is UNSET) is not (self.name is UNSET):
            raise ValueError("has one of namespace and name: give both, or neither for the event's own job")


class LineageJobInput(_NamedJob, tag_field="type", tag="JOB"):
    """A job that feeds the target."""

    transformations: list[LineageTransformation] | UnsetType = UNSET


LineageInput = LineageDatasetInput | LineageJobInput


class LineageFieldEntry(Part):
    """What feeds one field."""

    inputs: list[LineageInput]


class LineageDatasetEntry(Part, tag_field="type", tag="DATASET"):
    """A dataset and what feeds it."""

    namespace: str
    name: str
    inputs: list[LineageInput] | UnsetType = UNSET
    fields: dict[str, LineageFieldEntry] | UnsetType = UNSET


class LineageJobEntry(_NamedJob, tag_field="type", tag="JOB"):
    """A job and what feeds it."""

    inputs: list[LineageInput] | UnsetType = UNSET


LineageEntry = LineageDatasetEntry | LineageJobEntry
