"""dbt with openlineage-dbt, unmodified, configured as docs/clients.md says and no more: models, columns and tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.client_events import all_is_taken, column_edges, dataset_node, datasets_of, run_of
from tests.support.clients import CLIENTS, virtual_environment
from tests.support.documents import exports
from tests.support.hub import Hub, clean_environment

pytestmark = pytest.mark.timeout(400)

PRODUCER = "/integration/dbt"
RUN_SECONDS = 120
COMMAND_JOB = "dbt-run-shop"
"""The job of the dbt-ol command itself, whatever the command."""


def test_it_needs_url_and_key_and_models_columns_and_assertions_are_there(hub: Hub, tmp_path: Path) -> None:
    project = Path(shutil.copytree(CLIENTS / "dbt" / "project", tmp_path / "project"))
    database = tmp_path / "shop.duckdb"
    actual = {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}
    connection = exports("docs/clients.md", "openlineage-dbt", actual)
    _run(project, database, {}, "dbt", "seed")
    with all_is_taken(hub, PRODUCER):
        _run(project, database, connection, "dbt-ol", "run")
    _assert_models(hub, f"duckdb://{database}")
    with all_is_taken(hub, PRODUCER):
        _run(project, database, connection, "dbt-ol", "test", expected=1)
    _assert_assertions(hub, f"duckdb://{database}")


def _assert_models(hub: Hub, namespace: str) -> None:
    command = run_of(hub, PRODUCER, COMMAND_JOB)
    model = run_of(hub, PRODUCER, "shop.main.shop.sales")
    assert command["state"] == model["state"] == "COMPLETED"
    assert model["parent"] == model["root"] == {"runId": command["id"], "namespace": "dbt", "jobName": COMMAND_JOB}
    assert model["processingEngine"] == "dbt 1.11.16"

    orders, countries, paid_orders, sales = (
        f"dataset:{namespace}:shop.main.{name}" for name in ("orders", "countries", "paid_orders", "sales")
    )
    assert datasets_of(hub, "job:dbt:shop.main.shop.paid_orders") == ({orders}, {paid_orders})
    assert datasets_of(hub, "job:dbt:shop.main.shop.sales") == ({paid_orders, countries}, {sales})
    columns = {
        "order_id": {("shop.main.paid_orders", "order_id", "DIRECT")},
        "country": {("shop.main.countries", "name", "DIRECT")},
        "euros": {("shop.main.paid_orders", "amount", "DIRECT"), ("shop.main.countries", "rate", "DIRECT")},
    }
    assert column_edges(hub, sales) == columns
    node = dataset_node(hub, sales)
    assert [(field["name"], field["type"]) for field in node["fields"]] == [
        ("order_id", "integer"),
        ("country", "varchar"),
        ("euros", "double"),
    ]
    assert node["description"] == "What each paid order brought, in euros."


def _assert_assertions(hub: Hub, namespace: str) -> None:
    tests = run_of(hub, PRODUCER, "shop.main.shop.sales.test")
    assert tests["state"] == "FAILED"
    [tested] = tests["inputs"]
    assert (tested["namespace"], tested["name"]) == (namespace, "shop.main.sales")
    assertions = tested["facets"]["dataQualityAssertions"]["assertions"]
    assert sorted((one["assertion"], one["column"], one["success"]) for one in assertions) == [
        ("accepted_values", "euros", False),
        ("not_null", "order_id", True),
        ("unique", "order_id", True),
    ]


def _run(project: Path, database: Path, variables: dict[str, str], *command: str, expected: int = 0) -> None:
    """Run a command of dbt's environment in the project; `expected`: its exit code."""
    programs = virtual_environment("dbt") / "bin"
    environment = clean_environment()
    # dbt-ol looks for dbt on the path.
    environment |= {"PATH": f"{programs}:{environment['PATH']}", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    result = subprocess.run(
        [programs / command[0], *command[1:], "--profiles-dir=.", "--project-dir=."],
        env=environment | {"SHOP_DATABASE": str(database)} | variables,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert result.returncode == expected, result.stdout + result.stderr
