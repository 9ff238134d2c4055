"""`GET /api/v1/column-lineage`: from which columns a column comes, and on request which come from it."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.column_lineage import column_lineage
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH, ColumnNodeId
from lineagehub.web.answers import json_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.lineage_parameters import MAXIMUM_DEPTH, AsOfQuery, parse_node_id
from lineagehub.web.queries.parameters import read_query


class ColumnLineageQuery(AsOfQuery):
    """Which column or dataset, how far from it, and when."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="datasetField:{namespace}:{name}:{field} or dataset:{namespace}:{name}.",
    )
    depth: int = Field(MAXIMUM_DEPTH, ge=0, le=MAXIMUM_DEPTH, description="Edges away from the columns at most.")
    with_downstream: bool = Field(
        False, alias="withDownstream", description="Also the columns that come from these, not only their origins."
    )


async def read_column_lineage(request: web.Request) -> web.Response:
    """Answer the columns around a node; 404 if the caller's namespace does not know it."""
    query = read_query(request, ColumnLineageQuery)
    node = parse_node_id(query.node_id, ColumnNodeId.parse)
    graph = await column_lineage(
        request.app[PARTS].clickhouse,
        namespace_of(request),
        node,
        query.depth,
        with_downstream=query.with_downstream,
        as_of=query.as_of,
    )
    if graph is None:
        raise Refused(NOT_FOUND, f"There is no node {query.node_id[:200]} in this namespace.")
    return json_answer(graph)
