"""The lineage graph over the own namespace and what others share with it. Called by `GET /api/v1/lineage?scope=shared`.

A dataset is one node, by its OpenLineage names, whoever has it: the own data of it are shown, else the first sharer's by name.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.graph import graph_of, look_up, walk
from lineagehub.store.queries.graph_nodes import NodeReader
from lineagehub.store.queries.links import CHUNK, Link
from lineagehub.store.queries.node_ids import Node, NodeId
from lineagehub.store.queries.shared_links import Redact, SharedLinks
from lineagehub.store.queries.sharers import SharersOf, named_datasets


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: his namespace, what others share with it, and how names are redacted for it."""

    namespace: str
    sharers_of: SharersOf
    redact: Redact


async def shared_graph(clickhouse: ClickHouse, reader: Reader, node: NodeId, depth: int) -> dict[str, Any] | None:
    """Return the graph up to `depth` hops around a node as a LineageGraph.

    None if the reader's namespace has no such node and nobody shares one.
    """
    opened = await open_shared_graph(clickhouse, reader, node)
    if opened is None:
        return None
    start, links = opened
    nodes, found, truncated = await walk(links, start, depth)
    datasets = [one for one in nodes if one.kind == "dataset"]
    own = {one for one in nodes if one in links.own_nodes or one.kind == "job"}
    own |= await _own_datasets(clickhouse, reader.namespace, links, [one for one in datasets if one not in own])
    holders = await links.holders(datasets)
    sharers = {one: [tenant for tenant, held in holders.items() if one in held] for one in datasets}
    data = await _data(clickhouse, reader, links, own, found)
    for tenant, held in holders.items():
        theirs = {one: name for one, name in held.items() if one not in own and sharers[one][0] == tenant}
        data |= await links.sharer(tenant).describe(theirs)
    # A dataset that is not shared any more since the walk met it.
    shown = [one for one in sorted(nodes) if one.kind == "redacted" or one in data]
    if start not in shown:
        return None
    found = {link for link in found if set(link) <= set(shown)}
    graph = graph_of(shown, found, data)
    for one, answer in zip(shown, graph, strict=True):
        answer |= {"own": one in own, "sharedBy": sharers.get(one, [])}
    return {"graph": graph, "truncated": truncated or links.has_more_sharers}


async def open_shared_graph(clickhouse: ClickHouse, reader: Reader, node: NodeId) -> tuple[Node, SharedLinks] | None:
    """Return the node that an id means and the links around it; None if there is none, own or shared.

    What others have and do not share costs no query that what nobody has would not cost.
    """
    start, own, aliases = await look_up(clickhouse, reader.namespace, node, None)
    links = SharedLinks(clickhouse, reader.namespace, aliases, own, reader.sharers_of, reader.redact)
    if start is not None:
        links.own_nodes.add(start)
        return start, links
    for candidate in node.nodes():
        if candidate.kind == "dataset" and (place := await links.place_of(candidate[1:])) is not None:
            return place, links
    return None


async def _own_datasets(clickhouse: ClickHouse, namespace: str, links: SharedLinks, datasets: list[Node]) -> set[Node]:
    names = {name: one for one in datasets for name in links.aliases.names_of(one[1:])}
    return {names[name] for name in await named_datasets(clickhouse, namespace, names)}


async def _data(
    clickhouse: ClickHouse, reader: Reader, links: SharedLinks, own: set[Node], found: set[Link]
) -> dict[Node, dict[str, Any]]:
    nodes = NodeReader(clickhouse, reader.namespace, None, whole=links.is_whole and len(own) > CHUNK)
    jobs, datasets = await asyncio.gather(
        nodes.jobs([one for one in own if one.kind == "job"], found),
        nodes.datasets([one for one in own if one.kind == "dataset"], links.aliases),
    )
    return jobs | datasets
