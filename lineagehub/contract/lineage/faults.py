"""Faults of a decoded document: which part of it keeps it from being a msgspec type, each with a JSON pointer.

msgspec stops at the first fault and names it by a path of its own; this finds all of them. Only called for documents that are known to
be at fault: it costs some 100 us.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import reduce
from itertools import islice
from operator import or_
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, UnsetType

from lineagehub.contract.reasons import Reason

MAXIMUM_FAULTS = 50
MAXIMUM_TOKEN_LENGTH = 256
"""Characters of one step of a pointer. No name that a client makes up is repeated to it at full length."""


class Fault(Struct, frozen=True):
    """One fault of a document: where (a JSON pointer, RFC 6901; empty is the whole), what, and which kind."""

    pointer: str
    detail: str
    reason: Reason = Reason.SCHEMA_INVALID


def structural_faults(value: Any, kind: Any, pointer: str = "") -> list[Fault]:
    """Return at most 50 faults that keep `value` from being a `kind`: the smallest parts at fault. None: it is one."""
    return list(islice(_faults(value, kind, pointer), MAXIMUM_FAULTS))


def pointer_to(pointer: str, *tokens: str | int) -> str:
    """Return the pointer that goes on from `pointer`, tokens escaped and cut to 256 characters."""
    steps = (str(token)[:MAXIMUM_TOKEN_LENGTH].replace("~", "~0").replace("/", "~1") for token in tokens)
    return "/".join((pointer, *steps))


def _faults(value: Any, kind: Any, pointer: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        message = str(error).partition(" - at ")[0]
    is_told = False
    for fault in _parts_at_fault(value, kind, pointer):
        is_told = True
        yield fault
    if not is_told:
        description = next((meta.description for meta in get_args(kind)[1:] if isinstance(meta, Meta)), None)
        yield Fault(pointer, f"must be {description}." if description else f"{message}.")


def _parts_at_fault(value: Any, kind: Any, pointer: str) -> Iterator[Fault]:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        kind = _alternative(value, kind)
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Struct):
        yield from _faults_of_members(value, kind, pointer)
    elif isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value):
            yield from _faults(item, get_args(kind)[0], pointer_to(pointer, index))
    elif isinstance(value, dict) and get_origin(kind) is dict:
        name_kind, item_kind = get_args(kind)
        for name, item in value.items():
            yield from _faults(name, name_kind, pointer_to(pointer, name))
            yield from _faults(item, item_kind, pointer_to(pointer, name))


def _faults_of_members(value: dict[str, Any], kind: type[Struct], pointer: str) -> Iterator[Fault]:
    members = msgspec.structs.fields(kind)
    for member in members:
        place = pointer_to(pointer, member.encode_name)
        if member.encode_name in value:
            yield from _faults(value[member.encode_name], _without_unset(member.type), place)
        elif member.required:
            yield Fault(place, "is missing.")
    if kind.__struct_config__.forbid_unknown_fields:
        known = {member.encode_name for member in members}
        yield from (Fault(pointer_to(pointer, name), "is not known here.") for name in value if name not in known)


def _alternative(value: Any, union: Any) -> Any:
    """Return the alternative of a tagged union that the value says it is, or the union."""
    for kind in get_args(union):
        config = kind.__struct_config__
        if isinstance(value, dict) and value.get(config.tag_field) == config.tag:
            return kind
    return union


def _without_unset(kind: Any) -> Any:
    alternatives = tuple(alternative for alternative in get_args(kind) if alternative is not UnsetType)
    return reduce(or_, alternatives) if UnsetType in get_args(kind) else kind
