"""`/column-lineage`: the columns around a column, a dataset's columns or the columns that a job writes; also as of a version of it."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.marquez.column_lineage import column_graph
from lineagehub.store.queries.marquez.column_nodes import ColumnNode, find_start
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import Depth, missing, tenant_of
from lineagehub.web.queries.lineage_parameters import parse_node_id
from lineagehub.web.queries.parameters import read_query, refuse_parameters


class ColumnLineageQuery(Depth):
    """Which node, how far from it, and in which directions."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="dataset:{namespace}:{name}, datasetField:{namespace}:{name}:{field} or job:{namespace}:{name};"
        " `#` (%23) and a version may follow.",
    )
    downstream: bool = Field(False, alias="withDownstream", description="Not with a version.")


async def read_marquez_column_lineage(request: web.Request) -> web.Response:
    """Answer the graph of columns around a node."""
    query = read_query(request, ColumnLineageQuery)
    node = parse_node_id(query.node_id, ColumnNode.parse)
    if node.version and query.downstream:
        raise refuse_parameters([Fault("/nodeId", "may not have a version when withDownstream is true.")])
    tenant = await tenant_of(request)
    start = await find_start(tenant, node)
    if start is None:
        raise missing("Node", query.node_id)
    return json_answer(
        await column_graph(
            tenant, start.datasets, start.field, query.depth, downstream=query.downstream, as_of=start.as_of
        )
    )
