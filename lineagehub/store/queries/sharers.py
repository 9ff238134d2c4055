"""Another tenant as a reader may see it: the datasets that it shares, under the names that it shares, and what lies between them.

Called by shared_links.py and shared_graph.py, never for a tenant that shares nothing. Names of what is not shared do not leave this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases, Name, read_aliases
from lineagehub.store.queries.graph_nodes import NodeReader
from lineagehub.store.queries.links import IN_DATASETS, Link, Links, chunks, names_of, open_links
from lineagehub.store.queries.node_ids import Node

SharersOf = Callable[[Name], Mapping[str, int]]
"""Which tenants but the reader share a dataset of this name, at this moment, each with how exactly it names it; whether they have one is
not said."""
Passage = tuple[Name | None, Name | None]
"""Data go from the one shared dataset to the other through something hidden; None: from, or to, what is hidden, too."""

_HIDDEN: Set[None] = frozenset({None})


class Sharer:
    """One tenant that shares datasets. Open it with `open_sharer`."""

    def __init__(
        self, clickhouse: ClickHouse, tenant: str, sharers_of: SharersOf, aliases: Aliases, links: Links
    ) -> None:
        self.tenant = tenant
        self._clickhouse = clickhouse
        self._sharers_of = sharers_of
        self._aliases = aliases
        self._links = links

    def name_of(self, name: Name) -> Name:
        """Return by which name the tenant's data know a dataset."""
        return self._aliases.name_of(name)

    def shared_names(self, name: Name) -> list[Name]:
        """Return those names of a dataset that are shared, what its data know it by first; none for one that is not."""
        names = self._aliases.names_of(name)
        shared = [one for one in names if self.tenant in self._sharers_of(one)]
        return sorted(shared, key=lambda one: (one != self.name_of(name), one))

    async def has(self, names: Iterable[Name]) -> set[Name]:
        """Return those of these names that the tenant has datasets of."""
        wanted = set(names)
        found = {name for name in wanted if name in self._aliases.canonical}
        found |= await named_datasets(self._clickhouse, self.tenant, wanted - found)
        # What no event has named by itself may be an end of an edge that another's facet declares.
        linked = await self._links.of(Node("dataset", *name) for name in wanted - found)
        return found | (wanted & {end[1:] for link in linked for end in link if end.kind == "dataset"})

    async def around(self, datasets: Set[Name]) -> tuple[set[Passage], set[tuple[Name, Name]]]:
        """Return the passages that begin or end at these shared datasets, and the links straight to other shared ones."""
        near = await self._links.of([Node("dataset", *name) for name in datasets])
        jobs = {end for link in near for end in link if end.kind == "job"}
        into, out = _by_job((near | await self._links.of(jobs)) if jobs else near)
        passages: set[Passage] = set()
        for job in jobs:
            origins, destinations = self._shared(into.get(job, ())), self._shared(out.get(job, ()))
            for name in origins & datasets:
                passages |= {(name, other) for other in destinations - {name} or _HIDDEN}
            for name in destinations & datasets:
                passages |= {(other, name) for other in origins - {name} or _HIDDEN}
        direct: set[tuple[Name, Name]] = set()
        for origin, destination in near:
            if origin.kind == destination.kind == "dataset":
                begins, ends = (name if self.shared_names(name) else None for name in (origin[1:], destination[1:]))
                if begins and ends:
                    direct.add((begins, ends))
                else:
                    passages.add((begins, ends))
        return passages, direct

    async def describe(self, datasets: dict[Node, Name]) -> dict[Node, dict[str, Any]]:
        """Return what the graph's nodes show of datasets, by the names in the graph: no name that is not shared, and no times.

        Times would tell when what is hidden runs.
        """
        known = {node: Node("dataset", *self.name_of(name)) for node, name in datasets.items()}
        reader = NodeReader(self._clickhouse, self.tenant, None, whole=False)
        data = await reader.datasets(list(set(known.values())), self._aliases)
        return {node: data[known[node]] | self._shown_names(node, name) for node, name in datasets.items()}

    def _shown_names(self, node: Node, name: Name) -> dict[str, Any]:
        others = [one for one in self.shared_names(name) if one != node[1:]]
        return {
            "id": {"namespace": node.namespace, "name": node.name},
            "name": node.name,
            "physicalName": node.name,
            "namespace": node.namespace,
            "sourceName": node.namespace,
            "createdAt": None,
            "updatedAt": None,
            "aliases": [{"namespace": namespace, "name": other} for namespace, other in sorted(others)],
        }

    def _shared(self, names: Iterable[Name]) -> set[Name]:
        return {name for name in names if self.shared_names(name)}


async def open_sharer(clickhouse: ClickHouse, tenant: str, sharers_of: SharersOf) -> Sharer:
    """Return a tenant that shares something."""
    aliases = await read_aliases(clickhouse, tenant)
    # By level, whatever its size: how long it takes must not tell how large the tenant is.
    links = await open_links(clickhouse, tenant, aliases, None, whole=False)
    return Sharer(clickhouse, tenant, sharers_of, aliases, links)


async def named_datasets(clickhouse: ClickHouse, tenant: str, names: Iterable[Name]) -> set[Name]:
    """Return those of these names that events of a tenant have named as datasets."""
    found: set[Name] = set()
    for chunk in chunks(Node("dataset", *name) for name in names):
        rows = await clickhouse.select(
            f"SELECT DatasetNamespace, DatasetName FROM read_lineage_datasets(ns = {{ns:String}}) WHERE {IN_DATASETS}",  # noqa: S608 a constant
            {"ns": tenant, **names_of(chunk)},
        )
        found |= {(row["DatasetNamespace"], row["DatasetName"]) for row in rows}
    return found


def _by_job(links: Iterable[Link]) -> tuple[dict[Node, set[Name]], dict[Node, set[Name]]]:
    into: dict[Node, set[Name]] = {}
    out: dict[Node, set[Name]] = {}
    for origin, destination in links:
        if origin.kind == "dataset" and destination.kind == "job":
            into.setdefault(destination, set()).add(origin[1:])
        elif origin.kind == "job" and destination.kind == "dataset":
            out.setdefault(origin, set()).add(destination[1:])
    return into, out
