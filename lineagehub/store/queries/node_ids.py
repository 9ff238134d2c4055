"""Node ids of the lineage graph, as Marquez writes them: `job:{namespace}:{name}`, `dataset:{namespace}:{name}` and
`datasetField:{namespace}:{name}:{field}`.

Namespaces and names hold colons and slashes themselves (`postgres://db:5432`), so where one ends and the other begins is a
question to the store: every way to split the text is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["job", "dataset"]
NodeKind = Literal["job", "dataset", "redacted"]
MAXIMUM_LENGTH = 4_096
MAXIMUM_COLONS = 32
"""Every colon is one more way to split an id."""


class Node(NamedTuple):
    """One node: its kind, namespace and name. A redacted one (shared_links.py) has no namespace, and for a name what tells nothing."""

    kind: NodeKind
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """The node id."""
        return f"{self.kind}:{self.namespace}:{self.name}"


@dataclass(frozen=True, slots=True)
class NodeId:
    """A node id as it was asked for: the kind, and namespace and name still joined."""

    kind: Kind
    joined: str

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """Return the node id that `text` is. Raises ValueError with a sentence that says how one looks."""
        kind, _, joined = text.partition(":")
        if kind not in ("job", "dataset") or not _splits(joined) or len(text) > MAXIMUM_LENGTH:
            raise ValueError("nodeId must be job:{namespace}:{name} or dataset:{namespace}:{name}.")
        return cls("job" if kind == "job" else "dataset", joined)

    def nodes(self) -> list[Node]:
        """Return the nodes that it may mean."""
        return [Node(self.kind, *pair) for pair in _splits(self.joined)]


@dataclass(frozen=True, slots=True)
class ColumnNodeId:
    """The id of a dataset, or of a field of one, as it was asked for."""

    has_field: bool
    joined: str

    @classmethod
    def parse(cls, text: str) -> ColumnNodeId:
        """Return the node id that `text` is. Raises ValueError with a sentence that says how one looks."""
        kind, _, joined = text.partition(":")
        has_field = kind == "datasetField"
        datasets = joined.rpartition(":")[0] if has_field else joined
        is_one = kind in ("dataset", "datasetField") and bool(_splits(datasets)) and not joined.endswith(":")
        if not is_one or len(text) > MAXIMUM_LENGTH:
            raise ValueError("nodeId must be dataset:{namespace}:{name} or datasetField:{namespace}:{name}:{field}.")
        return cls(has_field, joined)

    def columns(self) -> list[tuple[Node, str]]:
        """Return the datasets that it may mean, each with the field, which is empty for the whole dataset."""
        if not self.has_field:
            return [(Node("dataset", *pair), "") for pair in _splits(self.joined)]
        found = []
        for namespace, rest in _splits(self.joined):
            found += [(Node("dataset", namespace, name), field) for name, field in _splits(rest)]
        return found


def _splits(joined: str) -> list[tuple[str, str]]:
    """Return every (before, after) of a colon with something after it; none where there are too many colons.

    Before it there may be nothing, as a dataset's namespace may be empty.
    """
    if joined.count(":") > MAXIMUM_COLONS:
        return []
    places = [place for place, letter in enumerate(joined) if letter == ":" and place < len(joined) - 1]
    return [(joined[:place], joined[place + 1 :]) for place in places]
