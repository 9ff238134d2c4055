"""Node ids of the lineage graph, as Marquez writes them: `job:{namespace}:{name}` and `dataset:{namespace}:{name}`.

Namespaces and names hold colons and slashes themselves (`postgres://db:5432`), so where one ends and the other begins is a
question to the store (graph.py), not to the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["job", "dataset"]
MAXIMUM_LENGTH = 4_096


class Node(NamedTuple):
    """One node: its kind, namespace and name."""

    kind: Kind
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
        namespace, separator, name = joined.rpartition(":")
        if kind not in ("job", "dataset") or not separator or not namespace or not name or len(text) > MAXIMUM_LENGTH:
            raise ValueError("nodeId must be job:{namespace}:{name} or dataset:{namespace}:{name}.")
        return cls("job" if kind == "job" else "dataset", joined)
