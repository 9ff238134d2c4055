"""`GET /api/v1/metrics` and `/api/v1/metrics/points`: which metrics there are, and their data points.

A metric's name is a parameter and no part of the path: it may hold slashes, and proxies rewrite `%2F`, `//` and `..`.
"""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter

from lineagehub.store.queries.metric_points import Kind, MetricPoint, PointFilter, find_points
from lineagehub.store.queries.metrics import MetricFilter, MetricPosition, MetricSummary, find_metrics
from lineagehub.store.queries.run_telemetry import RunReference, find_run
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.telemetry_parameters import AttributeFilter, RunId, Text, WindowQuery, page_request


class MetricsQuery(WindowQuery):
    """Which metrics: those with a point that fits everything here."""

    service: Text | None = Field(None, description="The point's ServiceName.")
    name: Text | None = Field(None, description="Stands in the metric's name, letter for letter.")


class MetricsPage(BaseModel):
    """Metrics by name and kind."""

    metrics: list[MetricSummary]
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815 our own answers are in camelCase


class PointsOfRunQuery(WindowQuery):
    """Which data points: those that fit everything here."""

    name: Text | None = Field(None, description="The metric's name, whole.")
    service: Text | None = Field(None, description="The ServiceName.")
    kind: Kind | None = Field(None, description="Of the five kinds of OpenTelemetry; all by default.")
    attribute: list[AttributeFilter] = Field(
        [], max_length=10, description="key:value of the point's own attributes; repeat it to demand several."
    )


class PointsQuery(PointsOfRunQuery):
    """Which data points: those that fit everything here."""

    name: Text = Field(description="The metric's name, whole.")
    run_id: RunId | None = Field(None, alias="runId", description="Of this run.")


class PointsPage(BaseModel):
    """Data points, newest first."""

    points: list[MetricPoint] = Field(description="Columns of the table of the kind; 64-bit integers are text.")
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815


_POINT: TypeAdapter[MetricPoint] = TypeAdapter(MetricPoint)


async def read_metric_list(request: web.Request) -> web.Response:
    """Answer a page of the metrics that there are."""
    query = read_query(request, MetricsQuery)
    asked = page_request(request, query, bounded=True)
    wanted = MetricFilter(asked.since, asked.before, query.name, query.service)
    after = MetricPosition(*asked.place) if asked.place else None
    clickhouse, namespace = request.app[PARTS].clickhouse, namespace_of(request)
    metrics, position = await find_metrics(clickhouse, namespace, wanted, asked.limit, after)
    return model_answer(MetricsPage(metrics=metrics, nextCursor=asked.cursor(request, query, position)))


async def read_metric_points(request: web.Request) -> web.Response:
    """Answer a page of a metric's points."""
    query = read_query(request, PointsQuery)
    run = None
    if query.run_id is not None:
        run = await find_run(request.app[PARTS].clickhouse, namespace_of(request), query.run_id)
    return model_answer(await points_page(request, query, run))


async def points_page(request: web.Request, query: PointsOfRunQuery, run: RunReference | None) -> PointsPage:
    """Return the page of points that a request asks for, of a run or of the namespace."""
    asked = page_request(request, query, bounded=run is None)
    wanted = PointFilter(asked.since, asked.before, query.name, query.service, query.kind, query.attribute, run)
    page = await find_points(request.app[PARTS].clickhouse, namespace_of(request), wanted, asked.limit, asked.position)
    points = [_POINT.validate_python({"kind": kind, **row}) for kind, row in page.rows]
    return PointsPage(points=points, nextCursor=asked.cursor(request, query, page.after))
