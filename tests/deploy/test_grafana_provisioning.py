"""deploy/grafana: files, mounts, uids and users fit together, and every panel says what it shows and in which unit."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from lineagehub.settings import ClickHouseSettings
from tests.deploy.conftest import ROOT
from tests.support.grafana.dashboards import read_dashboards

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = read_dashboards(GRAFANA / "dashboards")
SCHEMA_VERSION = 42
"""Of Grafana 12.3, the image in compose.yaml."""


def _mounts(service: dict[str, Any]) -> dict[str, Path]:
    """Return what is mounted of this repository, by the path inside."""
    pairs = (volume.split(":")[:2] for volume in service["volumes"])
    return {inside: ROOT / outside for outside, inside in pairs if outside.startswith(".")}


def test_the_provider_reads_the_folder_that_is_mounted_with_all_dashboards(compose: dict[str, Any]) -> None:
    mounts = _mounts(compose["services"]["grafana"])
    assert mounts["/etc/grafana/provisioning"] == GRAFANA / "provisioning"
    [file] = (GRAFANA / "provisioning" / "dashboards").glob("*.yaml")
    [provider] = yaml.safe_load(file.read_text())["providers"]
    assert mounts[provider["options"]["path"]] == GRAFANA / "dashboards"
    assert set(DASHBOARDS) == {"pipeline-runs", "namespace-usage", "service-latency", "hub-internals"}


def test_dashboards_are_known_by_stable_uids_and_no_other_id() -> None:
    assert {name: dashboard.document["uid"] for name, dashboard in DASHBOARDS.items()} == {
        name: f"lineagehub-{name}" for name in DASHBOARDS
    }
    assert all("id" not in dashboard.document for dashboard in DASHBOARDS.values())


def test_data_sources_are_those_that_compose_runs(
    compose: dict[str, Any], provisioned: dict[str, dict[str, Any]]
) -> None:
    assert set(provisioned) == {"clickhouse", "prometheus"}
    clickhouse = provisioned["clickhouse"]["jsonData"]
    assert clickhouse["host"] in compose["services"]
    database = ClickHouseSettings().database
    assert {clickhouse["defaultDatabase"], clickhouse["logs"]["defaultDatabase"]} == {database}
    assert clickhouse["traces"]["defaultDatabase"] == database
    assert re.search(r"//(\w+):", provisioned["prometheus"]["url"]).group(1) in compose["services"]  # type: ignore[union-attr] # it is there


def test_grafana_reads_clickhouse_as_a_user_of_its_own_that_can_only_read(
    compose: dict[str, Any], provisioned: dict[str, dict[str, Any]]
) -> None:
    services = compose["services"]
    users = _mounts(services["clickhouse"])["/etc/clickhouse-server/users.d/grafana.xml"]
    name = provisioned["clickhouse"]["jsonData"]["username"]
    root = ElementTree.parse(users).getroot()
    user, profile = root.find(f"users/{name}"), root.find(f"profiles/{name}")
    assert user is not None
    assert profile is not None
    assert user.findtext("profile") == name
    assert profile.findtext("readonly") == "2"
    assert all((grant.text or "").startswith("GRANT SELECT ON ") for grant in user.iter("query"))
    password = user.find("password")
    assert password is not None
    variable = password.attrib["from_env"]
    assert provisioned["clickhouse"]["secureJsonData"]["password"] == f"${variable}"
    assert services["clickhouse"]["environment"][variable] == services["grafana"]["environment"][variable]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_queries_read_only_what_grafanas_user_is_granted(name: str) -> None:
    granted = re.findall(r"GRANT SELECT ON (\S+)<", (ROOT / "deploy" / "clickhouse" / "grafana.xml").read_text())
    dashboard, database = DASHBOARDS[name], ClickHouseSettings().database
    for query in (*dashboard.variable_queries(), *dashboard.panel_queries("rawSql")):
        for table in re.findall(r"\bFROM\s+(\w+(?:\.\w+)?)", query.text):
            assert (table if "." in table else f"{database}.*") in granted, query.place


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_shows_in_which_unit_from_which_source(
    name: str, provisioned: dict[str, dict[str, Any]]
) -> None:
    document = DASHBOARDS[name].document
    assert document["schemaVersion"] == SCHEMA_VERSION
    assert document["description"]
    for panel in document["panels"]:
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for asked in (panel, *panel["targets"]):
            source = provisioned[asked["datasource"]["uid"]]
            assert asked["datasource"]["type"] == source["type"], panel["title"]
    for variable in document["templating"]["list"]:
        assert variable["description"], variable["name"]
        assert variable["type"] != "query" or variable["datasource"]["uid"] in provisioned


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_ids_of_their_own_and_lie_beside_each_other(name: str) -> None:
    panels = DASHBOARDS[name].document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["title"], panel["gridPos"]) for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for _, place in places)
    for (one, a), (other, b) in itertools.combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{one} lies on {other}"
