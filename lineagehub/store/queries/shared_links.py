"""The links of the own graph, and at each dataset that other tenants share what they make of it. Walked like any links (graph.py).

What is not shared is redacted. A redacted node stands at a shared dataset: `down` for all that others read it with, from which edges go on
to the shared datasets that are written so; `up` for all that others write it with, where none of it leads from a shared dataset. So the
nodes tell whether there is something, never how much or whose, and an edge leads on where one hidden job or link does: a way over two
hidden ones is not shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases, Name
from lineagehub.store.queries.links import Link, Links
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.sharers import Sharer, SharersOf, named_datasets, open_sharer

MAXIMUM_SHARERS = 20
"""So many tenants come into one answer, those that are met first; each costs some queries, also one that has none of what it shares."""

_Passage = tuple[Node | None, Node | None]

Redact = Callable[[str], str]
"""Makes of a text what tells nothing, the same each time for the reader's namespace and another for any other."""


class SharedLinks:
    """Links over the own namespace and what others share with it. For one request."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        namespace: str,
        aliases: Aliases,
        own: Links,
        sharers_of: SharersOf,
        redact: Redact,
    ) -> None:
        self.aliases = aliases
        self.own_nodes: set[Node] = set()
        self.has_more_sharers = False
        self._clickhouse = clickhouse
        self._namespace = namespace
        self._own = own
        self._sharers_of = sharers_of
        self._redact = redact
        self._sharers: dict[str, Sharer] = {}
        self._around: dict[Node, set[Link]] = {}
        self._stands_at: dict[Node, Node] = {}
        self._places: dict[tuple[str, Name], list[Node]] = {}

    @property
    def is_whole(self) -> bool:
        """See Links: of the own namespace."""
        return self._own.is_whole

    async def of(self, nodes: Iterable[Node]) -> set[Link]:
        """See Links."""
        wanted = set(nodes)
        found = await self._own.of(node for node in wanted if node.kind != "redacted")
        self.own_nodes.update(end for link in found for end in link)
        datasets = {self._stands_at.get(node, node) for node in wanted if node.kind != "job"}
        unread = datasets - self._around.keys()
        if unread:
            links = await self._read_around(unread)
            self._around |= {node: {link for link in links if _is_at(link, node, self._stands_at)} for node in unread}
        for node in datasets:
            found |= self._around[node]
        return {link for link in found if not wanted.isdisjoint(link)}

    async def holders(self, datasets: Iterable[Node]) -> dict[str, dict[Node, Name]]:
        """Return the tenants that have and share some of these datasets, by tenant, each with the name that it shares it by."""
        holders: dict[str, dict[Node, Name]] = {}
        for tenant, by_node in sorted((await self._shared_here(datasets)).items()):
            sharer = self._sharers[tenant]
            has = await sharer.has(name for names in by_node.values() for name in names)
            kept = {node: min(names & has) for node, names in by_node.items() if names & has}
            if kept:
                holders[tenant] = kept
        return holders

    async def place_of(self, dataset: Name) -> Node | None:
        """Return the node of a dataset that another tenant has and shares under this name, None if none does."""
        for sharer in await self._open(self._sharers_of(dataset)):
            if await sharer.has([dataset]):
                places = await self._places_of(sharer, sharer.name_of(dataset))
                return min(places, default=None)
        return None

    def sharer(self, tenant: str) -> Sharer:
        """Return a tenant of `holders`."""
        return self._sharers[tenant]

    async def _shared_here(self, datasets: Iterable[Node]) -> dict[str, dict[Node, set[Name]]]:
        by_tenant: dict[str, dict[Node, set[Name]]] = {}
        exactness: dict[str, int] = {}
        for node in datasets:
            for name in self.aliases.names_of(node[1:]):
                for tenant, letters in self._sharers_of(name).items():
                    by_tenant.setdefault(tenant, {}).setdefault(node, set()).add(name)
                    exactness[tenant] = max(exactness.get(tenant, 0), letters)
        return {sharer.tenant: by_tenant[sharer.tenant] for sharer in await self._open(exactness)}

    async def _open(self, tenants: Mapping[str, int]) -> list[Sharer]:
        """Return those of these tenants that there is room for: first who names a dataset most exactly, as a `*` may mean none."""
        wanted = sorted(tenants, key=lambda tenant: (-tenants[tenant], tenant))
        unopened = [tenant for tenant in wanted if tenant not in self._sharers]
        room = MAXIMUM_SHARERS - len(self._sharers)
        self.has_more_sharers |= len(unopened) > room
        opened = [open_sharer(self._clickhouse, tenant, self._sharers_of) for tenant in unopened[:room]]
        self._sharers |= {sharer.tenant: sharer for sharer in await asyncio.gather(*opened)}
        return [self._sharers[tenant] for tenant in wanted if tenant in self._sharers]

    async def _read_around(self, datasets: set[Node]) -> set[Link]:
        passages: set[_Passage] = set()
        links: set[Link] = set()
        shared = await self._shared_here(datasets)
        sharers = [self._sharers[tenant] for tenant in shared]
        answers = await asyncio.gather(
            *(
                sharer.around({sharer.name_of(name) for names in shared[sharer.tenant].values() for name in names})
                for sharer in sharers
            )
        )
        for sharer, (ways, direct) in zip(sharers, answers, strict=True):
            for origin, destination in ways:
                passages |= await self._pairs(sharer, origin, destination)
            for origin, destination in direct:
                pairs = await self._pairs(sharer, origin, destination)
                links |= {(one, other) for one, other in pairs if one and other}
        return links | self._redacted(passages)

    def _redacted(self, passages: set[_Passage]) -> set[Link]:
        """Return the links of the redacted nodes that stand for these passages."""
        links: set[Link] = set()
        led_to = {destination for origin, destination in passages if origin is not None}
        for origin, destination in passages:
            if origin is not None:
                below = self._redacted_node(origin, "down")
                links.add((origin, below))
                if destination is not None:
                    links.add((below, destination))
            elif destination is not None and destination not in led_to:
                links.add((self._redacted_node(destination, "up"), destination))
        return links

    def _redacted_node(self, dataset: Node, side: str) -> Node:
        node = Node("redacted", "", self._redact(f"{side} {dataset.id}"))
        self._stands_at[node] = dataset
        return node

    async def _pairs(self, sharer: Sharer, origin: Name | None, destination: Name | None) -> set[_Passage]:
        origins = [*(await self._places_of(sharer, origin))] if origin else [None]
        destinations = [*(await self._places_of(sharer, destination))] if destination else [None]
        pairs = {(one, other) for one in origins for other in destinations}
        # What the sharer tells apart may be one dataset to the reader.
        return {pair for pair in pairs if pair[0] != pair[1]} | {
            half for one, other in pairs if one == other for half in ((one, None), (None, one))
        }

    async def _places_of(self, sharer: Sharer, dataset: Name) -> list[Node]:
        """Return the nodes of a shared dataset: the own ones of any name that it is shared under, or one of that name if there is none."""
        key = sharer.tenant, dataset
        if key not in self._places:
            names = sharer.shared_names(dataset)
            known = names[:1]
            if len(names) > 1:
                own = {name for name in names if name in self.aliases.canonical}
                own |= await named_datasets(self._clickhouse, self._namespace, names)
                known = [name for name in names if name in own] or known
            self._places[key] = [
                Node("dataset", *name) for name in sorted({self.aliases.name_of(one) for one in known})
            ]
        return self._places[key]


def _is_at(link: Link, dataset: Node, stands_at: dict[Node, Node]) -> bool:
    return any(dataset in (end, stands_at.get(end)) for end in link)
