"""The facet `subset`, of inputs and outputs alike: which part of a dataset was read or written."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from lineagehub.contract.lineage.facets.base import Facet, Part


class FieldBaseCompareExpression(Part, tag_field="type", tag="field"):
    """A column."""

    field: str


class LiteralCompareExpression(Part, tag_field="type", tag="literal"):
    """A value, as a text."""

    value: str


CompareExpression = FieldBaseCompareExpression | LiteralCompareExpression


class CompareSubsetCondition(Part, tag_field="type", tag="compare"):
    """`left` compared with `right`, as `GREATER_THAN`."""

    left: CompareExpression
    right: CompareExpression
    comparison: str


class LocationSubsetCondition(Part, tag_field="type", tag="location"):
    """The files that were taken."""

    locations: list[str]


class SubsetPartition(Part):
    """One partition, by its dimensions."""

    dimensions: dict[str, Any]
    identifier: str | UnsetType = UNSET


class PartitionSubsetCondition(Part, tag_field="type", tag="partition"):
    """The partitions that were taken."""

    partitions: list[SubsetPartition]


class BinarySubsetCondition(Part, tag_field="type", tag="binary"):
    """Two conditions and what joins them, as `AND`."""

    left: SubsetCondition
    right: SubsetCondition
    operator: str


SubsetCondition = LocationSubsetCondition | PartitionSubsetCondition | BinarySubsetCondition | CompareSubsetCondition


class SubsetDatasetFacet(Facet):
    """Which part was read (`inputCondition`) or written: one of the two, at either place, as in the specification's own examples."""

    input_condition: SubsetCondition | UnsetType = UNSET
    output_condition: SubsetCondition | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.input_condition is UNSET) is (self.output_condition is UNSET):
            raise ValueError("must have one of inputCondition and outputCondition")
