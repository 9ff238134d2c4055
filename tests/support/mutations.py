"""Mutated events: real ones with one to three things changed that a producer may get wrong. The same seed gives the same mutants."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Parent = dict[str, Any] | list[Any]
Mutation = Callable[[random.Random, Parent, Any], None]

OTHER_TYPES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    7,
    1.5,
    12.0,
    1e300,
    2**53 + 1,
    "",
    "text",
    "12",
    [],
    [{}],
    {},
    {"a": 1},
)
TIMES = (
    "2025-01-01T00:00:00",
    "2025-01-01",
    "2025-02-29T00:00:00Z",
    "2024-02-29T00:00:00Z",
    "2025-04-31T10:00:00Z",
    "2025-13-01T00:00:00Z",
    "2025-01-01T24:00:00Z",
    "2025-01-01T00:60:00Z",
    "2025-01-01T00:00:00+24:00",
    "2025-01-01T00:00:00+0100",
    "2025-01-01T00:00:00.Z",
    "2025-01-01 00:00:00Z",
    "2025-01-01t00:00:00.5z",
    "2025-01-01T00:00:00.123456789-11:30",
    "2025-01-01T00:00:00.1234567891Z",
    "2016-12-31T23:59:60Z",
    "1900-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "20250101T000000Z",
    "2025-01-01T00:00:00Z\n",
    "\u0662025-01-01T00:00:00Z",
)
URIS = (
    "relative/path",
    "//host/path",
    "https://",
    "https:",
    "a:",
    "1a:b",
    "urn:uuid:01941f29-7c00-7087-8940-40e5d549bbd4",
    "https://example.com/a b",
    "https://example.com/%zz",
    "https://example.com/%20",
    "https://example.com/\u00e4",
    "https://[::1]:8080/x",
    "https://[::1/x",
    "https://user:password@example.com:99/?q=[1]",
    "https://example.com/?q=1#a#b",
    "https://example.com/#/$defs/RunEvent",
    "https://example.com:port/",
    "jdbc:postgresql://host/db",
    "s3://bucket/key|x",
    "mailto:a@example.com",
    "file:///tmp/x",
    "https://example.com/\n",
)
UUIDS = (
    "01941F29-7C00-7087-8940-40E5D549BBD4",
    "01941f297c007087894040e5d549bbd4",
    "{01941f29-7c00-7087-8940-40e5d549bbd4}",
    "urn:uuid:01941f29-7c00-7087-8940-40e5d549bbd4",
    "01941f29-7c00-7087-8940-40e5d549bbd",
    "01941f29-7c00-7087-8940-40e5d549bbdg",
    "00000000-0000-0000-0000-000000000000",
    "01941f29-7c00-7087-8940-40e5d549bbd4\n",
)
NAMES = ("\u0000", "a\u202eb", "a\n", " ", "x" * 9_000, "\u2603", "a/b~c")


def mutants(events: Sequence[Any], count: int, seed: int) -> Iterator[Any]:
    """Yield `count` mutated copies of events chosen by chance."""
    chance = random.Random(seed)
    for _ in range(count):
        mutant = copy.deepcopy(chance.choice(events))
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            places = list(_places(mutant))
            if places:
                parent, key = chance.choice(places)
                chance.choice(MUTATIONS)(chance, parent, key)
        yield mutant


def _places(value: Any) -> Iterator[tuple[Parent, Any]]:
    if isinstance(value, dict | list):
        for key, member in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(member)


def _drop(chance: random.Random, parent: Parent, key: Any) -> None:
    del parent[key]


def _retype(chance: random.Random, parent: Parent, key: Any) -> None:
    parent[key] = copy.deepcopy(chance.choice(OTHER_TYPES))


def _rename(chance: random.Random, parent: Parent, key: Any) -> None:
    if isinstance(parent, dict):
        parent[chance.choice((key.upper(), key + "s", "_" + key, key[:-1]))] = parent.pop(key)


def _blank(chance: random.Random, parent: Parent, key: Any) -> None:
    value: Any = parent[key]
    parent[key] = type(value)() if isinstance(value, str | list | dict) else None


def _misspell(chance: random.Random, parent: Parent, key: Any) -> None:
    """Put a value beside a format, of the kind that stands there."""
    text = parent[key]
    if not isinstance(text, str):
        return
    if str(key).lower().endswith("id"):
        parent[key] = chance.choice(UUIDS)
    elif text[:2] in ("19", "20") and "-" in text:
        parent[key] = chance.choice(TIMES)
    elif ":" in text:
        parent[key] = chance.choice(URIS)
    else:
        parent[key] = chance.choice((*NAMES, text.lower(), text + " "))


def _wrap(chance: random.Random, parent: Parent, key: Any) -> None:
    parent[key] = chance.choice(([parent[key]], {"value": parent[key]}))


def _add(chance: random.Random, parent: Parent, key: Any) -> None:
    if isinstance(parent, dict):
        parent[chance.choice(("extra", "_deleted", "dataset", "type", "description"))] = chance.choice(OTHER_TYPES)


def _delete_facet(chance: random.Random, parent: Parent, key: Any) -> None:
    """Take back the nearest object, and lose what it held but for its base."""
    value = parent[key]
    if isinstance(value, dict) and "_producer" in value:
        parent[key] = {name: value[name] for name in ("_producer", "_schemaURL") if name in value} | {"_deleted": True}


def _move(chance: random.Random, parent: Parent, key: Any) -> None:
    """Give a member the value of another, as a facet under another's name has it."""
    if isinstance(parent, dict):
        other = chance.choice(list(parent))
        parent[key], parent[other] = parent[other], parent[key]


MUTATIONS: tuple[Mutation, ...] = (
    _drop,
    _drop,
    _retype,
    _retype,
    _rename,
    _blank,
    _misspell,
    _misspell,
    _wrap,
    _add,
    _delete_facet,
    _move,
)
