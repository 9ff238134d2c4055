"""deploy/prometheus and the dashboards' PromQL: what is scraped runs, what is asked for is exported, and promtool can read both."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from lineagehub.telemetry.metrics import Metrics
from lineagehub_agents.operations import DeliveryCollector
from tests.deploy.conftest import ROOT
from tests.support.grafana.dashboards import read_dashboards
from tests.support.missing import skip_or_fail

CONFIGURATION = ROOT / "deploy" / "prometheus" / "prometheus.yml"
ALERTS = CONFIGURATION.with_name("alerts.yml")
ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
OF_PROMETHEUS = {"job", "instance", "le"}
EXPRESSIONS = [
    (f"{name}: {query.place}", query.text)
    for name, dashboard in read_dashboards(ROOT / "deploy" / "grafana" / "dashboards").items()
    for query in dashboard.panel_queries("expr")
]


def _exported() -> dict[str, set[str]]:
    """Return the names that web and agents export, each with its labels."""
    web = Metrics()
    exported: dict[str, set[str]] = {"up": set()}
    for metric in vars(web).values():
        if isinstance(metric, MetricWrapperBase):
            exported |= {f"{metric._name}{end}": set(metric._labelnames) for end in ENDINGS[str(metric._type)]}
    for family in DeliveryCollector([]).collect():
        exported |= {f"{family.name}{end}": set(family._labelnames) for end in ENDINGS[family.type]}  # type: ignore[attr-defined] # every family has them
    for family in web.registry.collect():
        exported |= {sample.name: set(sample.labels) for sample in family.samples if sample.name not in exported}
    return exported


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS, ids=[place for place, _ in EXPRESSIONS])
def test_every_metric_and_label_of_a_dashboard_is_exported(place: str, expression: str) -> None:
    exported = _exported()
    metrics = re.findall(r"\b(?:(?:lineagehub|process|python)_\w+|up)\b", expression)
    assert metrics, place
    assert set(metrics) <= exported.keys()
    labels = {label for names in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", names)}
    labels |= set(re.findall(r"(\w+)\s*=~?\"", expression))
    assert labels <= OF_PROMETHEUS.union(*(exported[metric] for metric in metrics))


def _alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_asks_for_what_is_exported_and_says_what_to_do(alert: dict[str, Any]) -> None:
    exported = _exported()
    metrics = re.findall(r"\blineagehub_\w+", alert["expr"])
    assert metrics
    assert set(metrics) <= exported.keys()
    assert set(re.findall(r"(\w+)=\"", alert["expr"])) <= set().union(*(exported[metric] for metric in metrics))
    assert alert["annotations"].keys() == {"summary", "next"}


def test_promtool_reads_the_alerts_and_prometheus_does(compose: dict[str, Any]) -> None:
    assert yaml.safe_load(CONFIGURATION.read_text())["rule_files"] == [ALERTS.name]
    assert any(ALERTS.name in volume for volume in compose["services"]["prometheus"]["volumes"])
    assert f"{len(_alerts())} rules found" in _promtool("check", "rules", str(ALERTS))


def test_scraped_services_run_the_hub_where_it_listens(compose: dict[str, Any]) -> None:
    services = compose["services"]
    hub = {name: service for name, service in services.items() if service["image"].startswith("lineagehub:")}
    expected = {
        "web": {name for name, service in hub.items() if service["command"] == ["serve"]},
        "agents": {name for name, service in hub.items() if service["command"][0] == "agent"},
    }
    jobs = {job["job_name"]: job for job in yaml.safe_load(CONFIGURATION.read_text())["scrape_configs"]}
    assert {name: set(job["dns_sd_configs"][0]["names"]) for name, job in jobs.items()} == expected
    ports = {"web": "LINEAGEHUB_WEB_PORT", "agents": "LINEAGEHUB_AGENTS_OPS_PORT"}
    for name, setting in ports.items():
        for service in expected[name]:
            assert str(jobs[name]["dns_sd_configs"][0]["port"]) == services[service]["environment"][setting]


def test_promtool_reads_the_scrape_configuration() -> None:
    _promtool("check", "config", str(CONFIGURATION))


def test_promtool_reads_every_expression_of_the_dashboards(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, (_, expression) in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "expressions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    assert f"{len(EXPRESSIONS)} rules found" in _promtool("check", "rules", str(file))


def _promtool(*arguments: str) -> str:
    if shutil.which("promtool") is None:
        skip_or_fail("promtool is not installed (Debian: it is in the package prometheus)")
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
