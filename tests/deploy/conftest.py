"""For tests of deployment files: the repository's root, and two migrated databases for the dashboards' queries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.migrate import apply
from tests.support.clickhouse import EmbeddedClickHouse, start_embedded_clickhouse
from tests.support.grafana.dashboards import DataSource
from tests.support.grafana.sample import insert_sample

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="package")
def compose() -> dict[str, Any]:
    """compose.yaml, merged as YAML merges it."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


@pytest.fixture(scope="package")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A running engine."""
    with start_embedded_clickhouse(tmp_path_factory.mktemp("dashboards")) as running:
        yield running


@pytest.fixture(scope="package")
def provisioned() -> dict[str, dict[str, Any]]:
    """The data sources of deploy/grafana, by uid."""
    files = sorted((ROOT / "deploy" / "grafana" / "provisioning" / "datasources").glob("*.yaml"))
    sources = [source for file in files for source in yaml.safe_load(file.read_text())["datasources"]]
    return {source["uid"]: source for source in sources}


@pytest.fixture(scope="package")
async def source(
    clickhouse_server: EmbeddedClickHouse, provisioned: dict[str, dict[str, Any]]
) -> AsyncIterator[DataSource]:
    """The migrated database with the sample in it."""
    async with ClickHouse(ClickHouseSettings(url=clickhouse_server.url)) as client:
        await apply(client)
        await insert_sample(client)
        yield DataSource(client, _custom_settings(provisioned))


@pytest.fixture(scope="package")
async def empty_source(
    clickhouse_server: EmbeddedClickHouse, provisioned: dict[str, dict[str, Any]]
) -> AsyncIterator[DataSource]:
    """A migrated database with nothing in it."""
    async with ClickHouse(ClickHouseSettings(url=clickhouse_server.url, database="lineagehub_empty")) as client:
        await apply(client)
        yield DataSource(client, _custom_settings(provisioned))


def _custom_settings(provisioned: dict[str, dict[str, Any]]) -> dict[str, str]:
    custom = provisioned["clickhouse"]["jsonData"]["customSettings"]
    return {setting["setting"]: setting["value"] for setting in custom}
