"""The lineage graph around a node, in Marquez's shape: jobs and datasets, walked in both directions, some hops far, now or as of a time."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases, read_aliases
from lineagehub.store.queries.graph_nodes import NodeReader
from lineagehub.store.queries.links import AS_OF, CHUNK, SPLITS, Link, Links, is_small, open_links
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.node_ids import NodeId as NodeId
from lineagehub.store.queries.runs import RunSummary

MAXIMUM_NODES = 10_000
"""A larger graph is cut here, and says so: nobody can look at it, and it must not load the store."""


class NameId(BaseModel):
    """A name within its namespace."""

    namespace: str
    name: str


class Edge(BaseModel):
    """One edge, by node ids, in the direction of the data."""

    origin: str
    destination: str


class JobData(BaseModel):
    """What Marquez says of a job node, with parent and root by namespace and name beside."""

    type: str
    id: NameId
    name: str
    simpleName: str  # noqa: N815 Marquez's names
    parentJobName: str | None  # noqa: N815
    namespace: str
    createdAt: str | None  # noqa: N815
    updatedAt: str | None  # noqa: N815
    inputs: list[NameId]
    outputs: list[NameId]
    location: str | None
    description: str | None
    latestRun: RunSummary | None  # noqa: N815
    parentJob: NameId | None  # noqa: N815
    rootJob: NameId | None  # noqa: N815


class DatasetData(BaseModel):
    """What Marquez says of a dataset node, with its lifecycle and its other names beside."""

    id: NameId
    type: Literal["DB_TABLE"] = "DB_TABLE"
    name: str
    physicalName: str  # noqa: N815
    createdAt: str | None  # noqa: N815
    updatedAt: str | None  # noqa: N815
    namespace: str
    sourceName: str  # noqa: N815
    fields: list[dict[str, Any]]
    tags: list[str] = []
    description: str | None
    lifecycleState: str | None  # noqa: N815
    aliases: list[NameId] = Field(description="Its other names, from symlinks.")


class GraphNode(BaseModel):
    """One node with its edges to other nodes of the same answer. Only with `scope=shared` are there redacted ones, and the last members."""

    id: str
    type: Literal["JOB", "DATASET", "REDACTED"]
    data: JobData | DatasetData | None = Field(
        description="Null for REDACTED: what other namespaces make of a dataset that they share, and do not show."
    )
    inEdges: list[Edge]  # noqa: N815
    outEdges: list[Edge]  # noqa: N815
    own: bool = Field(True, description="Whether the caller's namespace has it.")
    sharedBy: list[str] = Field([], description="The other namespaces that have this dataset and share it.")  # noqa: N815


class LineageGraph(BaseModel):
    """The answer of `GET /api/v1/lineage`. Documents what `lineage_graph` returns as plain data."""

    graph: list[GraphNode]
    truncated: bool = Field(description=f"There are more than {MAXIMUM_NODES} nodes; the nearest are here.")


async def lineage_graph(
    clickhouse: ClickHouse, namespace: str, node: NodeId, depth: int, as_of: datetime | None = None
) -> dict[str, Any] | None:
    """Return the graph up to `depth` hops around a node as a LineageGraph, or None if the namespace has no such node.

    `as_of`, an aware time: the graph that the events up to it give.
    """
    opened = await open_graph(clickhouse, namespace, node, as_of)
    if opened is None:
        return None
    start, links, aliases = opened
    nodes, found, truncated = await walk(links, start, depth)
    reader = NodeReader(clickhouse, namespace, as_of, whole=links.is_whole and len(nodes) > CHUNK)
    jobs, datasets = await asyncio.gather(
        reader.jobs([node for node in nodes if node.kind == "job"], found),
        reader.datasets([node for node in nodes if node.kind == "dataset"], aliases),
    )
    return {"graph": graph_of(sorted(nodes), found, jobs | datasets), "truncated": truncated}


async def open_graph(
    clickhouse: ClickHouse, namespace: str, node: NodeId, as_of: datetime | None
) -> tuple[Node, Links, Aliases] | None:
    """Return the node that an id means, by its canonical name, with the links and aliases around it; None if there is none."""
    start, links, aliases = await look_up(clickhouse, namespace, node, as_of)
    return (start, links, aliases) if start is not None else None


async def look_up(
    clickhouse: ClickHouse, namespace: str, node: NodeId, as_of: datetime | None
) -> tuple[Node | None, Links, Aliases]:
    """Return the node that an id means, by its canonical name, or None; and the links and aliases of the namespace."""
    aliases, named, whole = await asyncio.gather(
        read_aliases(clickhouse, namespace),
        _find_named(clickhouse, namespace, node, as_of),
        is_small(clickhouse, namespace),
    )
    links = await open_links(clickhouse, namespace, aliases, as_of, whole=whole)
    candidates = [named] if named else node.nodes()
    for candidate in candidates:
        known = candidate if node.kind == "job" else Node("dataset", *aliases.name_of(candidate[1:]))
        # What no event has named by itself may be an alias, or an end of an edge that another's facet declares.
        if named or candidate[1:] in aliases.canonical or await links.of([known]):
            return known, links, aliases
    return None, links, aliases


async def _find_named(clickhouse: ClickHouse, namespace: str, node: NodeId, as_of: datetime | None) -> Node | None:
    view, prefix = ("jobs", "Job") if node.kind == "job" else ("datasets", "Dataset")
    rows = await clickhouse.select(
        f"SELECT {prefix}Namespace AS namespace, {prefix}Name AS name FROM read_lineage_{view}(ns = {{ns:String}})"  # noqa: S608 constants
        f" WHERE (namespace, name) IN ({SPLITS}) AND {f'CreatedAt <= {AS_OF}' if as_of else '1'}"
        " ORDER BY namespace LIMIT 1",
        {"ns": namespace, "joined": node.joined} | ({"as_of": as_of.isoformat()} if as_of else {}),
    )
    return Node(node.kind, rows[0]["namespace"], rows[0]["name"]) if rows else None


async def walk(links: Links, start: Node, depth: int) -> tuple[set[Node], set[Link], bool]:
    """Return the nodes up to `depth` hops away, the links that lead to them, and whether there were too many."""
    nodes, found, truncated = {start}, set[Link](), False
    frontier = {start}
    for _ in range(depth):
        links_here = await links.of(frontier)
        found |= links_here
        frontier = {end for link in links_here for end in link} - nodes
        if len(nodes) + len(frontier) > MAXIMUM_NODES:
            truncated = True
            frontier = set(sorted(frontier)[: MAXIMUM_NODES - len(nodes)])
        nodes |= frontier
        if not frontier or truncated:
            break
    return nodes, {link for link in found if link[0] in nodes and link[1] in nodes}, truncated


def graph_of(nodes: list[Node], links: set[Link], data: dict[Node, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return GraphNodes as plain data: these nodes, in their order, and the links between them."""
    ids = {node: node.id for node in nodes}
    into: dict[Node, list[dict[str, str]]] = {node: [] for node in nodes}
    out: dict[Node, list[dict[str, str]]] = {node: [] for node in nodes}
    for origin, destination in sorted(links):
        edge = {"origin": ids[origin], "destination": ids[destination]}
        out[origin].append(edge)
        into[destination].append(edge)
    return [
        {
            "id": ids[node],
            "type": node.kind.upper(),
            "data": data.get(node),
            "inEdges": into[node],
            "outEdges": out[node],
        }
        for node in nodes
    ]
