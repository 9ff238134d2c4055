"""What Grafana's ClickHouse plugin expects of OpenTelemetry tables, and the dashboards that it brings, unchanged, on ours.

The dashboards are not on a package registry. To run theirs: take src/dashboards of github.com/grafana/clickhouse-datasource and name that
directory in LINEAGEHUB_TEST_GRAFANA_DASHBOARDS.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.grafana.dashboards import Dashboard, DataSource, Query, read_dashboards, shown
from tests.support.grafana.sample import CALLS, HOUR

BUNDLED = ["otel-logs-explorer", "otel-traces-explorer", "otel-service-dashboard"]
LOG_COLUMNS = {"Timestamp", "Body", "SeverityText", "TraceId", "ResourceAttributes", "ScopeAttributes", "LogAttributes"}
TRACE_COLUMNS = {
    *("Timestamp", "TraceId", "SpanId", "ParentSpanId", "ServiceName", "SpanName", "Duration", "SpanAttributes"),
    *("ResourceAttributes", "StatusCode", "SpanKind", "StatusMessage", "TraceState"),
    *("Events.Timestamp", "Events.Name", "Events.Attributes", "Links.TraceId", "Links.SpanId", "Links.Attributes"),
}
NARROWED: dict[str, str | list[str]] = {
    "operation": ["POST /checkout"],
    "status": ["Error"],
    "level_filter": ["ERROR"],
    "search": "e",
    "min_duration": "1",
}
ONE_SPAN_IN_500 = "Duration Distribution"


async def _columns(source: DataSource, table: str) -> set[str]:
    rows = await source.clickhouse.select(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
        {"table": table},
    )
    return {row["name"] for row in rows}


async def test_the_plugin_takes_our_tables_for_the_collectors_of_today(source: DataSource) -> None:
    logs = await _columns(source, "otel_logs")
    assert logs >= LOG_COLUMNS
    assert "TimestampTime" not in logs, "with it, the plugin would take the table for one of the exporter before 0.151"
    assert await _columns(source, "otel_traces") >= TRACE_COLUMNS


async def test_a_trace_is_found_through_the_table_of_its_times(source: DataSource) -> None:
    """As the plugin's trace view does: the times of the trace first, then its spans between them, attributes as key and value."""
    rows = await source.clickhouse.select(
        "WITH {trace:String} AS id,"
        " (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = id) AS first,"
        " (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = id) AS last"
        " SELECT SpanId, arrayMap(key -> map('key', key, 'value', SpanAttributes[key]), mapKeys(SpanAttributes)) AS tags"
        " FROM otel_traces WHERE TraceId = id AND Timestamp >= first AND Timestamp <= last ORDER BY SpanId",
        {"trace": f"{1:032x}"},
    )
    assert [row["SpanId"] for row in rows] == [f"{number:016x}" for number in range(1, 7)]
    assert rows[0]["tags"] == [{"key": "http.route", "value": "/pay"}]


@pytest.fixture(scope="module")
def bundled() -> dict[str, Dashboard]:
    """The plugin's own OpenTelemetry dashboards."""
    directory = os.environ.get("LINEAGEHUB_TEST_GRAFANA_DASHBOARDS")
    if directory is None:
        pytest.skip("the plugin's dashboards are on no package registry; LINEAGEHUB_TEST_GRAFANA_DASHBOARDS names none")
    return read_dashboards(Path(directory))


def _queries(dashboard: Dashboard) -> list[Query]:
    return [*dashboard.variable_queries(), *dashboard.panel_queries("rawSql"), *dashboard.annotation_queries()]


async def _rows(
    source: DataSource, dashboard: Dashboard, chosen: dict[str, str | list[str]]
) -> dict[str, list[dict[str, Any]]]:
    variables = await dashboard.variables(source, HOUR, chosen)
    return {query.place: await shown(source, query, variables, HOUR) for query in _queries(dashboard)}


@pytest.mark.parametrize("name", BUNDLED)
async def test_the_plugins_own_dashboards_show_something_everywhere(
    source: DataSource, bundled: dict[str, Dashboard], name: str
) -> None:
    shown_at = await _rows(source, bundled[name], {})
    assert {place for place, rows in shown_at.items() if not rows} <= {ONE_SPAN_IN_500}


@pytest.mark.parametrize("name", BUNDLED)
async def test_every_query_of_the_plugins_own_dashboards_runs_with_every_variable_set(
    source: DataSource, bundled: dict[str, Dashboard], name: str
) -> None:
    one_service = name == "otel-service-dashboard"
    chosen = NARROWED | {"service": "checkout" if one_service else ["checkout"]}
    assert await _rows(source, bundled[name], chosen)


async def test_the_plugins_own_dashboards_show_the_sample(
    source: DataSource, bundled: dict[str, Dashboard]
) -> None:
    traces = await _rows(source, bundled["otel-traces-explorer"], {})
    edges = traces["Service Map edges"]
    assert [(edge["source"], edge["target"]) for edge in edges] == [("checkout", "payments")]
    assert len(traces["Trace Search Results"]) == CALLS + 1
    logs = await _rows(source, bundled["otel-logs-explorer"], {})
    [message] = logs["Top Error Messages"]
    assert (message["Message"], message["Count"]) == ("orderId=… refused", 5)
    assert len(logs["Log Samples: $service"]) == CALLS
    service = await _rows(source, bundled["otel-service-dashboard"], {})
    assert {error["Error"] for error in service["Top Errors"]} == {"card refused"}
