"""Which datasets a namespace shares with the others: the entries of its record, and what they match.

A dataset is shared when its namespace is discoverable and one of its entries matches: both are the owner's word (auth/sharing.py).
Read from requests, from files and from the control topic; nothing here knows who asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ANY = "*"
MAXIMUM_ENTRIES = 200
MAXIMUM_CHARACTERS = 100_000
"""Of all entries together: a record must fit into a message of Kafka, which is 1 MiB by default, whatever its letters."""

DatasetName = tuple[str, str]
"""(namespace, name), both OpenLineage's."""

_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


def _without_any(namespace: str) -> str:
    if ANY in namespace:
        raise ValueError("must be one namespace as it is: a * may stand at the end of the name only")
    return namespace


def _any_at_the_end(name: str) -> str:
    if ANY in name[:-1]:
        raise ValueError("may have a * at its end only, such as public.*")
    return name


class SharedDataset(BaseModel):
    """One dataset by its exact names, or all whose name begins with what stands before the `*`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    namespace: Annotated[str, StringConstraints(max_length=1_024, pattern=_ONE_LINE), AfterValidator(_without_any)] = (
        Field(description="The dataset's namespace of OpenLineage, such as postgres://db:5432.")
    )
    name: Annotated[
        str, StringConstraints(min_length=1, max_length=2_048, pattern=_ONE_LINE), AfterValidator(_any_at_the_end)
    ] = Field(description="The dataset's name, or the beginning of names with a * behind it.")

    @property
    def prefix(self) -> str | None:
        """What names begin with that it matches; None if it is one name."""
        return self.name.removesuffix(ANY) if self.name.endswith(ANY) else None


def _not_too_long(entries: tuple[SharedDataset, ...]) -> tuple[SharedDataset, ...]:
    length = sum(len(entry.namespace) + len(entry.name) for entry in entries)
    if length > MAXIMUM_CHARACTERS:
        raise ValueError(
            f"has {length:,} characters in all; at most {MAXIMUM_CHARACTERS:,} are taken: use * for more of them"
        )
    return entries


SharedDatasets = Annotated[
    tuple[SharedDataset, ...], Field(max_length=MAXIMUM_ENTRIES, strict=False), AfterValidator(_not_too_long)
]


def without_overlaps(entries: Iterable[SharedDataset]) -> tuple[SharedDataset, ...]:
    """Return entries that match the same datasets, each dataset by one of them only."""
    kept: list[SharedDataset] = []
    prefixes: set[DatasetName] = set()
    # What matches more stands before what it makes needless.
    for entry in sorted(set(entries), key=_reach):
        start = entry.name if entry.prefix is None else entry.prefix
        if any((entry.namespace, start[:length]) in prefixes for length in range(len(start) + 1)):
            continue
        kept.append(entry)
        if entry.prefix is not None:
            prefixes.add((entry.namespace, entry.prefix))
    return tuple(kept)


def _reach(entry: SharedDataset) -> tuple[int, bool, str, str]:
    return len(entry.name.removesuffix(ANY)), entry.prefix is None, entry.namespace, entry.name
