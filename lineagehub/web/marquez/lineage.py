"""`/lineage`: the graph around a job or a dataset."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.marquez.graph import marquez_graph
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH, NodeId
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import Depth, missing, tenant_of
from lineagehub.web.queries.lineage_parameters import parse_node_id
from lineagehub.web.queries.parameters import read_query


class MarquezLineageQuery(Depth):
    """Which node, and how many jobs away from it."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="job:{namespace}:{name} or dataset:{namespace}:{name}.",
    )


async def read_marquez_lineage(request: web.Request) -> web.Response:
    """Answer the graph around a node."""
    query = read_query(request, MarquezLineageQuery)
    node = parse_node_id(query.node_id, NodeId.parse)
    graph = await marquez_graph(await tenant_of(request), node, query.depth)
    if graph is None:
        raise missing("Node", query.node_id)
    return json_answer(graph)
