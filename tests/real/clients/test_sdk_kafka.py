"""Airflow and dbt through the SDK's transport, signed straight to Kafka: they know brokers, a namespace and a key, and no hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client_events import all_is_taken, run_of
from tests.support.clients import dbt_project
from tests.support.hub import Hub
from tests.support.sdk_pages import follow, run

pytestmark = pytest.mark.timeout(600)

AIRFLOW, DBT = "/providers-openlineage/2.20.3", "/integration/dbt"
NAMESPACE = "demo"
SEND_WHAT_WAITS = ["lineagehub-sdk", "spool", "send"]
"""On a slow machine an event may be on disk: Airflow's processes wait for two seconds, dbt's too."""

DAG = """
from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("signed", start_date=datetime(2026, 1, 1), schedule=None, catchup=False):
    BashOperator(task_id="load", bash_command="true") >> BashOperator(task_id="publish", bash_command="true")
"""


def test_airflows_forks_sign_each_event(hub: Hub, sdk_wheel: Path, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "signed.py").write_text(DAG)
    environment = _environment("airflow", hub, sdk_wheel, tmp_path) | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    run(["airflow", "db", "migrate"], tmp_path, environment)
    # `dags test` tells of the end of the DAG's run, and not of its beginning.
    with all_is_taken(hub, AIRFLOW, count=5):
        run(["airflow", "dags", "test", "signed"], tmp_path, environment)
        run(SEND_WHAT_WAITS, tmp_path, environment)
    dag = run_of(hub, AIRFLOW, "signed")
    for name in ("load", "publish"):
        task = run_of(hub, AIRFLOW, f"signed.{name}")
        assert (task["state"], task["parent"]["runId"]) == ("COMPLETED", dag["id"])


def test_dbt_signs_each_event(hub: Hub, sdk_wheel: Path, tmp_path: Path) -> None:
    project = dbt_project(tmp_path, "signed")
    environment = _environment("dbt", hub, sdk_wheel, project) | {
        "SHOP_DATABASE": str(tmp_path / "shop.duckdb"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    run(["dbt", "seed", "--profiles-dir=."], project, environment)
    with all_is_taken(hub, DBT, count=6):
        run(["dbt-ol", "run", "--profiles-dir", "."], project, environment)
        run(SEND_WHAT_WAITS, project, environment)
    command = run_of(hub, DBT, "dbt-run-signed")
    for name in ("paid_orders", "sales"):
        model = run_of(hub, DBT, f"shop.main.signed.{name}")
        assert (model["state"], model["parent"]["runId"]) == ("COMPLETED", command["id"])


def _environment(tool: str, hub: Hub, wheel: Path, folder: Path) -> dict[str, str]:
    """Return what the tool's page tells to set, and the way straight to Kafka in place of the hub's address."""
    environment = follow(tool, hub, wheel, folder).environment
    del environment["LINEAGEHUB_URL"]
    return environment | {
        "LINEAGEHUB_TRANSPORT": "kafka",
        "LINEAGEHUB_KAFKA_BROKERS": str(hub.ready["kafka"]),
        "LINEAGEHUB_NAMESPACE": NAMESPACE,
        "LINEAGEHUB_SPOOL_DIRECTORY": str(folder / "spool"),
    }
