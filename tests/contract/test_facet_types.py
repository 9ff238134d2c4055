"""Our facet types have the members, at the places, that the classes of openlineage-python have: names, kinds, and which are required."""

from __future__ import annotations

import enum
import importlib
import json
import pkgutil
import types
import typing
from typing import Any, Union, get_args, get_origin

import attr
import msgspec
import openlineage.client.generated
import pytest
from msgspec import Struct, UnsetType
from openlineage.client.generated import base, base_subset_dataset

from lineagehub.contract.lineage import KNOWN_FACETS, Place

BASES: dict[type[Any], Place] = {
    base.RunFacet: Place.RUN,
    base.JobFacet: Place.JOB,
    base.DatasetFacet: Place.DATASET,
    base.InputDatasetFacet: Place.INPUT,
    base.OutputDatasetFacet: Place.OUTPUT,
}
SUBSETS = (base_subset_dataset.InputSubsetInputDatasetFacet, base_subset_dataset.OutputSubsetOutputDatasetFacet)
"""Two classes there; here one type for both places, with one of the two conditions, as the schema has it."""

Shape = Any
"""A type as plain data: a word, a list of one shape, or {member: (required, shape)}."""


def theirs() -> dict[tuple[Place, str], type[Any]]:
    """Return the facet classes of openlineage-python by place and name of the class."""
    found: dict[tuple[Place, str], type[Any]] = {}
    for module in pkgutil.iter_modules(openlineage.client.generated.__path__, "openlineage.client.generated."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and thing.__module__ == module.name and thing not in BASES:
                for parent, place in BASES.items():
                    if issubclass(thing, parent):
                        found[place, thing.__name__] = thing
    return found


def ours() -> dict[tuple[Place, str], type[Struct]]:
    """Return our facet types likewise."""
    return {(place, kind.__name__): kind for place, facets in KNOWN_FACETS.items() for kind in facets.values()}


def test_every_facet_class_has_a_type_at_its_place_and_no_other_has() -> None:
    expected = {key for key, kind in theirs().items() if kind not in SUBSETS}
    expected |= {(Place.INPUT, "SubsetDatasetFacet"), (Place.OUTPUT, "SubsetDatasetFacet")}
    assert ours().keys() == expected
    assert len(expected) == 40


@pytest.mark.parametrize("key", [key for key, kind in theirs().items() if kind not in SUBSETS], ids=lambda key: key[1])
def test_a_type_has_the_members_of_its_class(key: tuple[Place, str]) -> None:
    assert shape(ours()[key]) == shape(theirs()[key])


def test_the_subset_has_the_conditions_of_both_classes() -> None:
    conditions = {name: (False, kind) for each in SUBSETS for name, (_, kind) in shape(each).items()}
    assert shape(ours()[Place.INPUT, "SubsetDatasetFacet"]) == conditions


def test_the_base_members_are_theirs() -> None:
    for place, kinds in KNOWN_FACETS.items():
        (their_base,) = [parent for parent, its_place in BASES.items() if its_place is place]
        expected = {member.name for member in attr.fields(their_base)}
        for kind in kinds.values():
            names = {member.encode_name for member in msgspec.structs.fields(kind)}
            assert {name for name in names if name.startswith("_")} == expected


def shape(kind: Any, inside: tuple[Any, ...] = ()) -> Shape:
    """Return the shape of a type of either side. Recursion ends where a class holds itself."""
    if get_origin(kind) is typing.Annotated:
        is_integral = any(isinstance(meta, msgspec.Meta) and meta.multiple_of == 1 for meta in get_args(kind)[1:])
        return "integer" if is_integral else shape(get_args(kind)[0], inside)
    if get_origin(kind) in (Union, types.UnionType):
        alternatives = [shape(each, inside) for each in get_args(kind) if each not in (UnsetType, types.NoneType)]
        return (
            alternatives[0]
            if len(alternatives) == 1
            else sorted(alternatives, key=lambda each: json.dumps(each, sort_keys=True))
        )
    if get_origin(kind) is list:
        return [shape(get_args(kind)[0], inside)]
    if get_origin(kind) is dict:
        return {"*": (False, shape(get_args(kind)[1], inside))}
    if get_origin(kind) is typing.Literal:
        return "text"
    if kind in inside:
        return "recursive"
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _of_struct(kind, (*inside, kind))
    if attr.has(kind):
        return _of_class(kind, (*inside, kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "text"
    return {str: "text", int: "integer", float: "number", bool: "boolean", Any: "anything"}[kind]


def _of_struct(kind: type[Struct], inside: tuple[Any, ...]) -> Shape:
    members = {
        member.encode_name: (member.required, shape(member.type, inside))
        for member in msgspec.structs.fields(kind)
        if not member.encode_name.startswith("_")
    }
    tag_field = kind.__struct_config__.tag_field
    return members | ({tag_field: (True, "text")} if tag_field else {})


def _of_class(kind: type[Any], inside: tuple[Any, ...]) -> Shape:
    hints = typing.get_type_hints(kind)
    return {
        # The class fills in what `type` must be; in JSON it is required.
        member.name: (
            member.default is attr.NOTHING or isinstance(member.default, str),
            shape(hints[member.name], inside),
        )
        for member in attr.fields(kind)
        if not member.name.startswith("_")
    }
