"""deploy/grafana/dashboards: every query of every panel and variable, on the real schema, with the sample and without any data."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.deploy.conftest import ROOT
from tests.support.grafana.dashboards import DataSource, Query, read_dashboards, shown
from tests.support.grafana.sample import CALLS, HOUR

DASHBOARDS = read_dashboards(ROOT / "deploy" / "grafana" / "dashboards")
CHOSEN: dict[str, str | list[str]] = {"quota": "1000"}
OF_SHOP = {**CHOSEN, "namespace": "shop"}


def _queries(name: str) -> list[Query]:
    return [*DASHBOARDS[name].variable_queries(), *DASHBOARDS[name].panel_queries("rawSql")]


async def _panel(source: DataSource, name: str, title: str, **chosen: str | list[str]) -> list[dict[str, Any]]:
    variables = await DASHBOARDS[name].variables(source, HOUR, OF_SHOP | chosen)
    [query] = [query for query in DASHBOARDS[name].panel_queries("rawSql") if query.place == title]
    return await shown(source, query, variables, HOUR)


def _columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.parametrize("name", DASHBOARDS)
async def test_every_query_shows_something_of_the_sample_and_no_missing_value(
    source: DataSource, name: str
) -> None:
    variables = await DASHBOARDS[name].variables(source, HOUR, OF_SHOP)
    for query in _queries(name):
        rows = await shown(source, query, variables, HOUR)
        assert rows, query.place
        assert all(value is not None for row in rows for value in row.values()), query.place


@pytest.mark.parametrize("name", DASHBOARDS)
async def test_no_query_fails_before_the_first_data(empty_source: DataSource, name: str) -> None:
    variables = await DASHBOARDS[name].variables(empty_source, HOUR, CHOSEN)
    for query in _queries(name):
        rows = await shown(empty_source, query, variables, HOUR)
        assert all(value is not None for row in rows for value in row.values()), query.place


async def test_runs_are_counted_by_state(source: DataSource) -> None:
    assert await _panel(source, "pipeline-runs", "Runs in the range") == [
        {"running": 2, "completed": 3, "failed": 1, "aborted": 1}
    ]
    assert await _panel(source, "pipeline-runs", "Failed share") == [{"failed": 0.2}]
    states: Counter[str] = Counter()
    for row in await _panel(source, "pipeline-runs", "Runs by state"):
        states[row["state"]] += row["runs"]
    assert states == {"COMPLETED": 3, "FAILED": 1, "ABORTED": 1, "RUNNING": 2}


async def test_runs_are_those_of_the_chosen_namespace_and_jobs(source: DataSource) -> None:
    assert await _panel(source, "pipeline-runs", "Runs in the range", namespace="bank") == [
        {"running": 0, "completed": 1, "failed": 0, "aborted": 0}
    ]
    assert await _panel(source, "pipeline-runs", "Runs in the range", job=["jobs:report"]) == [
        {"running": 0, "completed": 0, "failed": 1, "aborted": 1}
    ]


async def test_a_failure_stands_there_with_its_job_and_error(source: DataSource) -> None:
    rows = await _panel(source, "pipeline-runs", "Failures")
    assert _columns(rows, "job", "error") == [("jobs:report", "division by zero")]


async def test_durations_of_runs_are_those_of_the_sample(source: DataSource) -> None:
    jobs = await _panel(source, "pipeline-runs", "Jobs")
    assert _columns(jobs, "job", "runs", "failed", "p50", "longest") == [
        ("jobs:report", 2, 1, 20_000, 30_000),
        ("jobs:load", 3, 0, 120_000, 180_000),
    ]
    longest = await _panel(source, "pipeline-runs", "Longest runs")
    assert [row["took"] for row in longest] == [180_000, 120_000, 60_000, 30_000, 10_000]
    running = await _panel(source, "pipeline-runs", "Running now")
    assert _columns(running, "job", "age") == [("jobs:load", 35 * 60_000), ("jobs:load", 34 * 60_000)]


async def test_usage_is_counted_by_namespace_and_signal_against_the_quota(source: DataSource) -> None:
    everybody = await _panel(source, "namespace-usage", "Usage by day", namespace="$__all")
    assert _columns(everybody, "day", "namespace", "events", "spans", "points", "logs", "items", "used") == [
        ("2026-11-24", "shop", 13, 6 * CALLS, 5, CALLS, 158, 0.158),
        ("2026-11-24", "bank", 2, 6, 0, 0, 8, 0.008),
    ]
    share = await _panel(source, "namespace-usage", "Used share of the daily quota", namespace=["bank"])
    assert share == [{"namespace": "bank", "used": 0.008}]
    by_day = await _panel(source, "namespace-usage", "Items by day", namespace="$__all")
    assert sorted(_columns(by_day, "namespace", "items")) == [("bank", 8), ("shop", 158)]


async def test_rate_errors_and_duration_are_those_of_the_sample(source: DataSource) -> None:
    chosen: dict[str, Any] = {"service": ["checkout"], "kind": ["Server"]}
    rate = await _panel(source, "service-latency", "Rate", **chosen)
    assert _columns(rate, "service", "spans") == [("checkout", 1 / 60)] * CALLS
    errors = await _panel(source, "service-latency", "Errors", **chosen)
    assert sum(row["errors"] for row in errors) == CALLS / 4
    [operation] = await _panel(source, "service-latency", "Operations", **chosen)
    assert (operation["operation"], operation["spans"], operation["errors"]) == ("POST /checkout", CALLS, 0.25)
    assert operation["p50"] == 105_000_000
    assert 190_000_000 < operation["p95"] < operation["p99"] <= 200_000_000
    slowest = await _panel(source, "service-latency", "Slowest spans", **chosen)
    assert [row["took"] for row in slowest] == [number * 10_000_000 for number in range(CALLS, 0, -1)]


async def test_failed_spans_and_logs_stand_beside(source: DataSource) -> None:
    failed = await _panel(source, "service-latency", "Failed spans")
    assert Counter(_columns(failed, "service", "operation", "error")) == {
        ("checkout", "POST /checkout", "card refused"): 5,
        ("checkout", "POST /pay", "card refused"): 5,
        ("payments", "POST /pay", "card refused"): 5,
    }
    severities: Counter[str] = Counter()
    for row in await _panel(source, "service-latency", "Logs by severity"):
        severities[row["severity"]] += row["records"]
    assert severities == {"INFO": 15, "ERROR": 5}
    logs = await _panel(source, "service-latency", "Logs", service=["checkout"])
    assert len(logs) == CALLS
    assert {"timestamp", "body", "level"} <= logs[0].keys()


async def test_internals_show_every_signal_and_the_tables(source: DataSource) -> None:
    signals = ["lineage", "logs", "metrics", "traces"]
    delays = await _panel(source, "hub-internals", "Insert delay")
    assert [row["signal"] for row in delays] == signals
    assert all(row["delay"] > 0 for row in delays)
    ages = await _panel(source, "hub-internals", "Age on receipt")
    assert {(row["signal"], row["age"]) for row in ages} == {(signal, 1000) for signal in signals}
    tables = {row["table"]: row for row in await _panel(source, "hub-internals", "Tables")}
    assert tables["otel_traces"]["rows"] == 6 * (CALLS + 1)
    assert tables["otel_traces"]["bytes"] > 0
    assert all(1 <= row["most_in_a_partition"] <= row["parts"] for row in tables.values())
