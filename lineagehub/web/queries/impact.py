"""`GET /api/v1/impact`: what depends on a job or dataset, or what it depends on, as rows in JSON or CSV."""

from __future__ import annotations

import csv
import io
from typing import Literal

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.impact import Direction, Impact, ImpactRow, impact, shared_impact
from lineagehub.store.queries.node_ids import MAXIMUM_LENGTH, NodeId
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.lineage_parameters import MAXIMUM_DEPTH, AsOfQuery, parse_node_id
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.scopes import ScopeQuery, reader_of, refuse_as_of

CSV = "text/csv"
TRUNCATED = "LineageHub-Truncated"
"""A header: CSV has no place to say it."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ImpactQuery(AsOfQuery, ScopeQuery):
    """Which node, which way, how far, whose, and in which format."""

    node_id: str = Field(
        alias="nodeId",
        min_length=1,
        max_length=MAXIMUM_LENGTH,
        description="job:{namespace}:{name} or dataset:{namespace}:{name}.",
    )
    direction: Direction = Field("down", description="down: what depends on the node; up: what it depends on.")
    depth: int = Field(MAXIMUM_DEPTH, ge=1, le=MAXIMUM_DEPTH, description="Edges away from the node at most.")
    format: Literal["json", "csv"] | None = Field(
        None, description="Else `Accept` decides; JSON unless it is text/csv."
    )


async def read_impact(request: web.Request) -> web.Response:
    """Answer the rows; 404 if the caller's namespace does not know the node and, where that is asked for, nobody shares it."""
    query = read_query(request, ImpactQuery)
    node = parse_node_id(query.node_id, NodeId.parse)
    clickhouse, namespace = request.app[PARTS].clickhouse, namespace_of(request)
    if query.scope == "shared":
        refuse_as_of(query.as_of)
        found = await shared_impact(clickhouse, reader_of(request), node, query.direction, query.depth)
    else:
        found = await impact(clickhouse, namespace, node, query.direction, query.depth, query.as_of)
    if found is None:
        raise Refused(NOT_FOUND, f"There is no node {query.node_id[:200]} in this namespace.")
    accepts_csv = request.headers.get("Accept", "").partition(";")[0].strip().lower() == CSV
    if query.format == "csv" or (query.format is None and accepts_csv):
        return _csv_answer(found)
    return model_answer(found)


def _csv_answer(found: Impact) -> web.Response:
    """Return the rows by RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(ImpactRow.model_fields)
    for row in found.rows:
        writer.writerow([_cell(value) for value in row.model_dump().values()])
    headers = {"Content-Disposition": 'attachment; filename="impact.csv"', TRUNCATED: str(found.truncated).lower()}
    return web.Response(body=text.getvalue().encode(), content_type=CSV, charset="utf-8", headers=headers)


def _cell(value: str | int | None) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
