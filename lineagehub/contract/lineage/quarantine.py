"""Facets that are not what the specification says. They cost no event: the event is kept as it came, and they are flagged.

The web names them in its answer; the store keeps their pointers beside the event, so that nothing is derived from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from lineagehub.contract.lineage.facets import ANY_FACET, KNOWN_FACETS, Place
from lineagehub.contract.lineage.facets.base import DeletableFacet, Facet
from lineagehub.contract.lineage.faults import MAXIMUM_FAULTS, Fault, pointer_to, structural_faults

_Facets = dict[str, Any]


def find_quarantined_facets(document: Any, described: int = MAXIMUM_FAULTS) -> list[Fault]:
    """Return one fault for each facet that is not what the specification says: its pointer, and what is wrong inside. Pure.

    Takes any decoded document, a valid event or not. A facet with `_deleted: true` needs nothing else. A facet that the specification
    does not know must be an object with `_producer` and `_schemaURL`. Only the first `described` have a detail, which costs some 100 us
    each. Takes 13 us for a valid event of 3 kB with 7 facets (the mean of the shared corpus), 0.2 us more for each column of a schema.
    """
    quarantined: list[Fault] = []
    for pointer, place, facets in _facets_of(document):
        known, any_facet = KNOWN_FACETS[place], ANY_FACET[place]
        for name, value in facets.items():
            kind = known.get(name, any_facet)
            if any_facet is DeletableFacet and isinstance(value, dict) and value.get("_deleted") is True:
                kind = any_facet
            if not _is(value, kind):
                detail = (
                    _describe(value, kind) if len(quarantined) < described else "is not what the specification says."
                )
                quarantined.append(Fault(pointer_to(pointer, name), detail))
    return quarantined


def _is(value: Any, kind: type[Facet]) -> bool:
    if not isinstance(value, dict):
        return False
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _describe(value: Any, kind: type[Facet]) -> str:
    if not isinstance(value, dict):
        return "must be an object."
    first, *others = structural_faults(value, kind)
    more = f" And {len(others)} more faults." if others else ""
    return f"{first.pointer} {first.detail}{more}".lstrip()


def _facets_of(document: Any) -> Iterator[tuple[str, Place, _Facets]]:
    """Yield every object of facets: its pointer, its place and itself."""
    if not isinstance(document, dict):
        return
    if "run" not in document and "job" not in document:
        yield from _objects(document.get("dataset"), "/dataset", {"facets": Place.DATASET})
        return
    yield from _objects(document.get("run"), "/run", {"facets": Place.RUN})
    yield from _objects(document.get("job"), "/job", {"facets": Place.JOB})
    for side, own, place in (("inputs", "inputFacets", Place.INPUT), ("outputs", "outputFacets", Place.OUTPUT)):
        datasets = document.get(side)
        for index, dataset in enumerate(datasets if isinstance(datasets, list) else ()):
            yield from _objects(dataset, f"/{side}/{index}", {"facets": Place.DATASET, own: place})


def _objects(holder: Any, pointer: str, places: dict[str, Place]) -> Iterator[tuple[str, Place, _Facets]]:
    if not isinstance(holder, dict):
        return
    for name, place in places.items():
        facets = holder.get(name)
        if isinstance(facets, dict) and facets:
            yield f"{pointer}/{name}", place, facets
