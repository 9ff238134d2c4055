"""The names of one dataset: symlinks facets unite them when they are read, so one that comes late works as if it had come first.

A group is known by the member that an event named as a dataset first, by event time; of equal times, and of members that no event has
named as a dataset, the least by namespace and name. That depends on the events alone and not on their arrival, and a further alias does
not rename a node. Called by the lineage queries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lineagehub.store.client import ClickHouse

Name = tuple[str, str]
"""(namespace, name)."""

_PAIRS = (
    "SELECT DISTINCT DatasetNamespace, DatasetName, AliasNamespace, AliasName FROM read_lineage_symlinks(ns = {ns:String})"
    " WHERE AliasName != ''"
)
_FIRST_NAMED = (
    "SELECT DatasetNamespace, DatasetName, CreatedAt FROM read_lineage_datasets(ns = {ns:String})"
    " WHERE (DatasetNamespace, DatasetName) IN"
    " (SELECT DatasetNamespace, DatasetName FROM read_lineage_symlinks(ns = {ns:String})"
    " UNION ALL SELECT AliasNamespace, AliasName FROM read_lineage_symlinks(ns = {ns:String}))"
)


@dataclass(frozen=True, slots=True)
class Aliases:
    """Which names are one dataset. `members` has every group by its canonical name."""

    canonical: dict[Name, Name] = field(default_factory=dict)
    members: dict[Name, list[Name]] = field(default_factory=dict)

    def name_of(self, name: Name) -> Name:
        """Return the canonical name of a dataset; its own where it has no other."""
        return self.canonical.get(name, name)

    def names_of(self, name: Name) -> list[Name]:
        """Return all names of a dataset, sorted."""
        return self.members.get(self.name_of(name), [name])


async def read_aliases(clickhouse: ClickHouse, namespace: str) -> Aliases:
    """Return the aliases of a namespace."""
    pairs = await clickhouse.select(_PAIRS, {"ns": namespace})
    if not pairs:
        return Aliases()
    named = await clickhouse.select(_FIRST_NAMED, {"ns": namespace})
    first_named = {(row["DatasetNamespace"], row["DatasetName"]): str(row["CreatedAt"]) for row in named}
    return unite(
        [((row["DatasetNamespace"], row["DatasetName"]), (row["AliasNamespace"], row["AliasName"])) for row in pairs],
        first_named,
    )


def unite(pairs: list[tuple[Name, Name]], first_named: dict[Name, str]) -> Aliases:
    """Return the groups that these pairs make, by union-find. `first_named`: when an event first named a dataset, as sortable text."""
    parents: dict[Name, Name] = {}

    def root_of(name: Name) -> Name:
        root = name
        while (parent := parents.setdefault(root, root)) != root:
            root = parent
        while name != root:
            parents[name], name = root, parents[name]
        return root

    for one, other in pairs:
        parents[root_of(one)] = root_of(other)
    groups: dict[Name, list[Name]] = {}
    for name in parents:
        groups.setdefault(root_of(name), []).append(name)
    aliases = Aliases()
    for names in groups.values():
        if len(names) == 1:
            continue
        canonical = min(names, key=lambda name: (name not in first_named, first_named.get(name, ""), name))
        aliases.members[canonical] = sorted(names)
        aliases.canonical.update(dict.fromkeys(names, canonical))
    return aliases
