"""The official OpenLineage schemas as a judge: what they say of an event's core, and of each of its facets. Formats are asserted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
PLACES = {
    "RunFacet": "run",
    "JobFacet": "job",
    "DatasetFacet": "dataset",
    "InputDatasetFacet": "input",
    "OutputDatasetFacet": "output",
}
"""The base schema of a facet tells where it may stand."""


class OfficialSchema:
    """The schemas of one folder of OpenLineage's `spec`."""

    def __init__(self, spec: Path) -> None:
        core = json.loads((spec / "OpenLineage.json").read_text())
        files = [json.loads(path.read_text()) for path in sorted((spec / "facets").glob("*.json"))]
        self._registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in (core, *files)])
        self._core = self._validator({"$ref": CORE})
        self._any_facet = {place: self._validator({"$ref": f"{CORE}#/$defs/{base}"}) for base, place in PLACES.items()}
        self._known_facets = {
            (place, name): self._validator({"$ref": reference})
            for schema in files
            for place, name, reference in _places_of(schema)
        }

    @property
    def known_facets(self) -> set[tuple[str, str]]:
        """The places and names of the facets that have a schema."""
        return set(self._known_facets)

    def is_valid_core(self, event: Any) -> bool:
        """Whether the event is valid, whatever stands where a facet stands."""
        return bool(self._core.is_valid(without_facets(event)))

    def is_valid(self, event: Any) -> bool:
        """Whether the event is valid as the schema of the event alone says it."""
        return bool(self._core.is_valid(event))

    def bad_facets(self, event: Any) -> dict[str, Any]:
        """Return the facets that are invalid, by their JSON pointers."""
        return {
            pointer: facet
            for pointer, place, name, facet in facets_of(event)
            if not self._known_facets.get((place, name), self._any_facet[place]).is_valid(facet)
        }

    def _validator(self, schema: dict[str, Any]) -> Any:
        return jsonschema_rs.Draft202012Validator(schema, registry=self._registry, validate_formats=True)


def holders_of(event: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every object of facets that the schema knows: its pointer, the place of its facets, and itself."""
    if not isinstance(event, dict):
        return
    candidates: list[tuple[str, str, Any, str]] = []
    if "run" in event or "job" in event:
        candidates += [("/run", "facets", event.get("run"), "run"), ("/job", "facets", event.get("job"), "job")]
        for side, own in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
            for index, dataset in enumerate(event[side] if isinstance(event.get(side), list) else []):
                pointer = f"/{side}/{index}"
                candidates += [(pointer, "facets", dataset, "dataset"), (pointer, own, dataset, side[:-1])]
    else:
        candidates.append(("/dataset", "facets", event.get("dataset"), "dataset"))
    for pointer, member, holder, place in candidates:
        if isinstance(holder, dict) and isinstance(holder.get(member), dict):
            yield f"{pointer}/{member}", place, holder[member]


def facets_of(event: Any) -> Iterator[tuple[str, str, str, Any]]:
    """Yield every facet: its pointer, its place, its name and itself."""
    for pointer, place, facets in holders_of(event):
        for name, facet in facets.items():
            yield f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", place, name, facet


def without_facets(event: Any) -> Any:
    """Return a copy of the event whose objects of facets are empty."""
    copy = json.loads(json.dumps(event))
    for _, _, facets in holders_of(copy):
        facets.clear()
    return copy


def _places_of(schema: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (place, name, reference to the facet's schema) of one facet file."""
    for name, member in schema.get("properties", {}).items():
        # `lineage` has one schema for each place, `subset` one for two places.
        for reference in (member.get("$ref"), *(each["$ref"] for each in member.get("anyOf", ()))):
            if reference is not None:
                for place in _places(schema, reference):
                    yield place, name, schema["$id"] + reference


def _places(schema: dict[str, Any], reference: str) -> Iterator[str]:
    definition = schema["$defs"][reference.rpartition("/")[2]]
    for part in definition.get("allOf", ()):
        if part.get("$ref", "").startswith(CORE):
            yield PLACES[part["$ref"].rpartition("/")[2]]
    for alternative in definition.get("oneOf", ()):
        yield from _places(schema, alternative["$ref"])
