"""`GET /api/v1/lineage`: what a job or dataset is connected with, in the shape of Marquez's graph, now or as of a time."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH, NodeId
from lineagehub.store.queries.shared_graph import shared_graph
from lineagehub.web.answers import json_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.lineage_parameters import MAXIMUM_DEPTH, AsOfQuery, parse_node_id
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.scopes import ScopeQuery, reader_of, refuse_as_of


class LineageQuery(AsOfQuery, ScopeQuery):
    """Which node, how far from it, when, and whose."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="job:{namespace}:{name} or dataset:{namespace}:{name}.",
    )
    depth: int = Field(MAXIMUM_DEPTH, ge=0, le=MAXIMUM_DEPTH, description="Edges away from the node at most.")


async def read_lineage(request: web.Request) -> web.Response:
    """Answer the graph around a node; 404 if the caller's namespace does not know it and, where that is asked for, nobody shares it."""
    query = read_query(request, LineageQuery)
    node = parse_node_id(query.node_id, NodeId.parse)
    clickhouse = request.app[PARTS].clickhouse
    if query.scope == "shared":
        refuse_as_of(query.as_of)
        graph = await shared_graph(clickhouse, reader_of(request), node, query.depth)
    else:
        graph = await lineage_graph(clickhouse, namespace_of(request), node, query.depth, query.as_of)
    if graph is None:
        raise Refused(NOT_FOUND, f"There is no node {query.node_id[:200]} in this namespace.")
    return json_answer(graph)
