"""The lineage graph around a node, in Marquez's shape: jobs and datasets, walked in both directions, some hops far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import orjson
from pydantic import BaseModel

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.node_ids import NodeId as NodeId
from lineagehub.store.queries.runs import RunSummary, run_summaries

MAXIMUM_NODES = 2_000
"""A larger graph is cut here: nobody can look at it, and it must not load the store."""
CHUNK = 500
"""Nodes asked for in one query: their names travel in the URL."""


class NameId(BaseModel):
    """A name within its namespace."""

    namespace: str
    name: str


class Edge(BaseModel):
    """One edge, by node ids, in the direction of the data."""

    origin: str
    destination: str


class JobData(BaseModel):
    """What Marquez says of a job node."""

    type: str
    id: NameId
    name: str
    simpleName: str  # noqa: N815 Marquez's names
    parentJobName: str | None  # noqa: N815
    namespace: str
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    inputs: list[NameId]
    outputs: list[NameId]
    location: str | None
    description: str | None
    latestRun: RunSummary | None  # noqa: N815


class DatasetData(BaseModel):
    """What Marquez says of a dataset node."""

    id: NameId
    type: Literal["DB_TABLE"] = "DB_TABLE"
    name: str
    physicalName: str  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    namespace: str
    sourceName: str  # noqa: N815
    fields: list[dict[str, Any]]
    tags: list[str] = []
    description: str | None


class GraphNode(BaseModel):
    """One node with its edges to other nodes of the same answer."""

    id: str
    type: Literal["JOB", "DATASET"]
    data: JobData | DatasetData
    inEdges: list[Edge]  # noqa: N815
    outEdges: list[Edge]  # noqa: N815


class LineageGraph(BaseModel):
    """The answer of `GET /api/v1/lineage`."""

    graph: list[GraphNode]


Link = tuple[Node, Node]
"""(origin, destination), in the direction of the data."""


async def lineage_graph(clickhouse: ClickHouse, namespace: str, node: NodeId, depth: int) -> LineageGraph | None:
    """Return the graph up to `depth` hops around a node, or None if the namespace has no such node. A query a hop and a few more."""
    start = await _find(clickhouse, namespace, node)
    if start is None:
        return None
    nodes: set[Node] = {start}
    links: set[Link] = set()
    frontier = {start}
    for _ in range(depth):
        found = await _links_of(clickhouse, namespace, frontier)
        links |= found
        frontier = {end for link in found for end in link} - nodes
        room = MAXIMUM_NODES - len(nodes)
        frontier = set(sorted(frontier)[:room])
        nodes |= frontier
        if not frontier:
            break
    links = {link for link in links if nodes.issuperset(link)}
    jobs = await _job_data(clickhouse, namespace, [node for node in nodes if node.kind == "job"], links)
    datasets = await _dataset_data(clickhouse, namespace, [node for node in nodes if node.kind == "dataset"])
    return LineageGraph(graph=[_graph_node(node, links, jobs, datasets) for node in sorted(nodes)])


async def _find(clickhouse: ClickHouse, namespace: str, node: NodeId) -> Node | None:
    if node.kind == "job":
        sql = (
            "SELECT JobNamespace AS namespace, JobName AS name FROM read_lineage_jobs(ns = {ns:String})"
            " WHERE concat(JobNamespace, ':', JobName) = {joined:String} ORDER BY namespace LIMIT 1"
        )
    else:
        sql = (
            "SELECT DatasetNamespace AS namespace, DatasetName AS name FROM read_lineage_datasets(ns = {ns:String})"
            " WHERE concat(DatasetNamespace, ':', DatasetName) = {joined:String} ORDER BY namespace LIMIT 1"
        )
    rows = await clickhouse.select(sql, {"ns": namespace, "joined": node.joined})
    return Node(node.kind, rows[0]["namespace"], rows[0]["name"]) if rows else None


async def _links_of(clickhouse: ClickHouse, namespace: str, nodes: Iterable[Node]) -> set[Link]:
    links: set[Link] = set()
    for kind, column in (("job", "(JobNamespace, JobName)"), ("dataset", "(DatasetNamespace, DatasetName)")):
        for chunk in _chunks([node for node in nodes if node.kind == kind]):
            rows = await clickhouse.select(
                "SELECT JobNamespace, JobName, Direction, DatasetNamespace, DatasetName"  # noqa: S608 one of two constants
                " FROM read_lineage_job_datasets(ns = {ns:String})"
                f" WHERE {column} IN (SELECT arrayJoin(arrayZip({{namespaces:Array(String)}}, {{names:Array(String)}})))",
                {"ns": namespace, **_names(chunk)},
            )
            for row in rows:
                job = Node("job", row["JobNamespace"], row["JobName"])
                dataset = Node("dataset", row["DatasetNamespace"], row["DatasetName"])
                links.add((dataset, job) if row["Direction"] == "input" else (job, dataset))
    return links


async def _job_data(clickhouse: ClickHouse, namespace: str, jobs: list[Node], links: set[Link]) -> dict[Node, JobData]:
    found: dict[Node, JobData] = {}
    for chunk in _chunks(jobs):
        rows = await clickhouse.select(
            "SELECT JobNamespace, JobName, CreatedAt, UpdatedAt, LatestRun.2 AS RunId, Description.2 AS Description,"
            " Location.2 AS Location, JobType.2 AS JobType, ParentJob.2 AS ParentJob"
            " FROM read_lineage_jobs(ns = {ns:String})"
            " WHERE (JobNamespace, JobName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))",
            {"ns": namespace, **_names(chunk)},
        )
        runs = await run_summaries(clickhouse, namespace, [row["RunId"] for row in rows if row["RunId"]])
        for row in rows:
            node = Node("job", row["JobNamespace"], row["JobName"])
            found[node] = _job(node, row, links, runs)
    return found


def _job(node: Node, row: dict[str, Any], links: set[Link], runs: dict[str, RunSummary]) -> JobData:
    return JobData(
        type=row["JobType"] or "BATCH",
        id=NameId(namespace=node.namespace, name=node.name),
        name=node.name,
        simpleName=node.name.rpartition(".")[2],
        parentJobName=row["ParentJob"] or None,
        namespace=node.namespace,
        createdAt=row["CreatedAt"],
        updatedAt=row["UpdatedAt"],
        inputs=sorted((_name_id(origin) for origin, end in links if end == node), key=str),
        outputs=sorted((_name_id(end) for origin, end in links if origin == node), key=str),
        location=row["Location"] or None,
        description=row["Description"] or None,
        latestRun=runs.get(row["RunId"]),
    )


async def _dataset_data(clickhouse: ClickHouse, namespace: str, datasets: list[Node]) -> dict[Node, DatasetData]:
    found: dict[Node, DatasetData] = {}
    for chunk in _chunks(datasets):
        rows = await clickhouse.select(
            "SELECT DatasetNamespace, DatasetName, CreatedAt, UpdatedAt, Fields.2 AS Fields, Source.2 AS Source,"
            " Description.2 AS Description FROM read_lineage_datasets(ns = {ns:String})"
            " WHERE (DatasetNamespace, DatasetName) IN"
            " (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))",
            {"ns": namespace, **_names(chunk)},
        )
        for row in rows:
            node = Node("dataset", row["DatasetNamespace"], row["DatasetName"])
            found[node] = DatasetData(
                id=_name_id(node),
                name=node.name,
                physicalName=node.name,
                createdAt=row["CreatedAt"],
                updatedAt=row["UpdatedAt"],
                namespace=node.namespace,
                sourceName=row["Source"] or node.namespace,
                fields=_fields(row["Fields"]),
                description=row["Description"] or None,
            )
    return found


def _fields(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    fields = orjson.loads(text)
    if not isinstance(fields, list):
        return []
    return [
        {"name": field.get("name"), "type": field.get("type"), "tags": [], "description": field.get("description")}
        for field in fields
        if isinstance(field, dict)
    ]


def _graph_node(
    node: Node, links: set[Link], jobs: dict[Node, JobData], datasets: dict[Node, DatasetData]
) -> GraphNode:
    return GraphNode(
        id=node.id,
        type="JOB" if node.kind == "job" else "DATASET",
        data=jobs[node] if node.kind == "job" else datasets[node],
        inEdges=[_edge(link) for link in sorted(links) if link[1] == node],
        outEdges=[_edge(link) for link in sorted(links) if link[0] == node],
    )


def _edge(link: Link) -> Edge:
    return Edge(origin=link[0].id, destination=link[1].id)


def _name_id(node: Node) -> NameId:
    return NameId(namespace=node.namespace, name=node.name)


def _names(nodes: list[Node]) -> dict[str, list[str]]:
    return {"namespaces": [node.namespace for node in nodes], "names": [node.name for node in nodes]}


def _chunks(nodes: list[Node]) -> list[list[Node]]:
    return [nodes[start : start + CHUNK] for start in range(0, len(nodes), CHUNK)]
