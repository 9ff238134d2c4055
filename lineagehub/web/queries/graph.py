"""`GET /api/v1/lineage`: what a job or dataset is connected with, in the shape of Marquez's graph."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH, NodeId
from lineagehub.web.answers import json_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.parameters import read_query, refuse_parameters

MAXIMUM_DEPTH = 20


class LineageQuery(BaseModel):
    """Which node, and how far from it."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="job:{namespace}:{name} or dataset:{namespace}:{name}.",
    )
    depth: int = Field(MAXIMUM_DEPTH, ge=0, le=MAXIMUM_DEPTH, description="Edges away from the node at most.")


async def read_lineage(request: web.Request) -> web.Response:
    """Answer the graph around a node; 404 if the caller's namespace does not know it."""
    query = read_query(request, LineageQuery)
    try:
        node = NodeId.parse(query.node_id)
    except ValueError as error:
        raise refuse_parameters([Fault("/nodeId", f"{error}")]) from error
    graph = await lineage_graph(request.app[PARTS].clickhouse, namespace_of(request), node, query.depth)
    if graph is None:
        raise Refused(NOT_FOUND, f"There is no node {query.node_id[:200]} in this namespace.")
    return json_answer(graph)
