"""What all facet types are made of. The names of members, and which are required, are the specification's."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from lineagehub.contract.lineage.formats import is_uri


class Part(Struct, rename="camel", gc=False):
    """An object inside a facet. Members that it does not name are allowed, as everywhere in OpenLineage."""


class Facet(Part):
    """What every facet has, also one that the specification does not know."""

    producer: str = field(name="_producer")
    schema_url: str = field(name="_schemaURL")

    def __post_init__(self) -> None:
        # The same few URIs stand in every facet of a producer: looked up they cost 0.3 us a facet, matched again 3 us.
        for name, text in (("_producer", self.producer), ("_schemaURL", self.schema_url)):
            if not is_uri(text):
                raise ValueError(f"/{name} must be an absolute URI")


class DeletableFacet(Facet, kw_only=True):
    """A facet of a job or a dataset: `_deleted: true` takes back what was said under its name."""

    deleted: bool | UnsetType = field(name="_deleted", default=UNSET)


class Tag(Part):
    """A label; `value` is "true" where the key says it all."""

    key: str
    value: str
    source: str | UnsetType = UNSET


class Owner(Part):
    """Who answers for a job or dataset, as `team:payments`."""

    name: str
    type: str | UnsetType = UNSET
