"""Impact: what depends on a job or dataset, or what it depends on, as rows by distance. Called by `GET /api/v1/impact`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.graph import MAXIMUM_NODES, open_graph
from lineagehub.store.queries.links import Links, chunks
from lineagehub.store.queries.node_ids import Node, NodeId, NodeKind
from lineagehub.store.queries.runs import latest_runs
from lineagehub.store.queries.shared_graph import Reader, open_shared_graph

Direction = Literal["up", "down", "both"]
Type = Literal["JOB", "DATASET", "REDACTED"]
_TYPES: dict[NodeKind, Type] = {"job": "JOB", "dataset": "DATASET", "redacted": "REDACTED"}


class ImpactRow(BaseModel):
    """One node that is reached. Its `parent` is the node before it on a shortest path, the least of several by id."""

    nodeId: str  # noqa: N815 our own answers are in camelCase
    type: Type = Field(description="REDACTED only with `scope=shared`.")
    namespace: str
    name: str
    direction: Literal["up", "down"]
    distance: int = Field(description="Edges away from the node asked for.")
    parent: str
    viaJob: str = Field(description="The job of the last edge.")  # noqa: N815
    viaRun: str | None = Field(description="That job's latest run.")  # noqa: N815


class Impact(BaseModel):
    """The answer of `GET /api/v1/impact`: nearest first, then by direction and id."""

    nodeId: str  # noqa: N815
    rows: list[ImpactRow]
    truncated: bool = Field(description=f"There are more than {MAXIMUM_NODES} nodes; the nearest are here.")


@dataclass(frozen=True, slots=True)
class _Reached:
    node: Node
    direction: Literal["up", "down"]
    distance: int
    parent: Node

    @property
    def job(self) -> Node:
        """The job of the last edge; where datasets are linked without one, none, which is the dataset itself."""
        return self.node if self.node.kind == "job" else self.parent


async def impact(
    clickhouse: ClickHouse, namespace: str, node: NodeId, direction: Direction, depth: int, as_of: datetime | None
) -> Impact | None:
    """Return what is up to `depth` hops up or down from a node, or None if the namespace has no such node."""
    opened = await open_graph(clickhouse, namespace, node, as_of)
    if opened is None:
        return None
    start, links, _ = opened
    return await _impact(clickhouse, namespace, start, links, direction, depth, as_of)


async def shared_impact(
    clickhouse: ClickHouse, reader: Reader, node: NodeId, direction: Direction, depth: int
) -> Impact | None:
    """Return the same over the own namespace and what others share with it; None if there is no such node, own or shared."""
    opened = await open_shared_graph(clickhouse, reader, node)
    if opened is None:
        return None
    start, links = opened
    found = await _impact(clickhouse, reader.namespace, start, links, direction, depth, None)
    found.truncated |= links.has_more_sharers
    return found


async def _impact(
    clickhouse: ClickHouse,
    namespace: str,
    start: Node,
    links: Links,
    direction: Direction,
    depth: int,
    as_of: datetime | None,
) -> Impact:
    reached: list[_Reached] = []
    truncated = False
    for way in ("up", "down"):
        if direction in (way, "both"):
            found, cut = await _follow(links, start, way, depth)
            reached += found
            truncated |= cut
    reached.sort(key=lambda one: (one.distance, one.direction, one.node))
    jobs = {one.job for one in reached if one.job.kind == "job"}
    runs: dict[tuple[str, str], str] = {}
    for chunk in chunks(jobs):
        found_runs = await latest_runs(clickhouse, namespace, chunk, as_of)
        runs |= {name: run["id"] for name, run in found_runs.items()}
    return Impact(nodeId=start.id, rows=[_row(one, runs) for one in reached[:MAXIMUM_NODES]], truncated=truncated)


async def _follow(links: Links, start: Node, way: Literal["up", "down"], depth: int) -> tuple[list[_Reached], bool]:
    seen, frontier, reached = {start}, [start], list[_Reached]()
    for distance in range(1, depth + 1):
        here = set(frontier)
        parents: dict[Node, Node] = {}
        for origin, destination in sorted(await links.of(frontier)):
            near, far = (origin, destination) if way == "down" else (destination, origin)
            if near in here and far not in seen:
                parents[far] = min(parents.get(far, near), near)
        room = MAXIMUM_NODES - len(reached)
        frontier = sorted(parents)[:room]
        seen.update(frontier)
        reached += [_Reached(node, way, distance, parents[node]) for node in frontier]
        if len(parents) > room:
            return reached, True
        if not frontier:
            break
    return reached, False


def _row(one: _Reached, runs: dict[tuple[str, str], str]) -> ImpactRow:
    is_job = one.job.kind == "job"
    return ImpactRow(
        nodeId=one.node.id,
        type=_TYPES[one.node.kind],
        namespace=one.node.namespace,
        name="" if one.node.kind == "redacted" else one.node.name,
        direction=one.direction,
        distance=one.distance,
        parent=one.parent.id,
        viaJob=one.job.id if is_job else "",
        viaRun=runs.get(one.job[1:]) if is_job else None,
    )
