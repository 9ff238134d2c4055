"""The SDK's pages about other tools: each page's program, to the character, with the tool itself and the SDK's wheel, against a hub.

Not proved here: that Airflow's worker, which `dags test` has none of, ends its tasks by os._exit (what the SDK does then is in
tests/sdk/test_openlineage_transport.py), and that of these tools any other version will do.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.client_events import all_is_taken, column_edges, datasets_of, run_of
from tests.support.clients import dbt_project
from tests.support.documents import properties_file
from tests.support.hub import Hub
from tests.support.sdk_pages import PRODUCER, follow, run
from tests.support.spark import submit

pytestmark = pytest.mark.timeout(600)

AIRFLOW, DBT, SPARK = "/providers-openlineage/2.20.3", "/integration/dbt", "/integration/spark"
SHOP = "dataset:postgres://db:5432:shop.public"


def test_airflow_a_task_has_the_sdks_runs_below_it_and_all_is_sent_by_the_sdk(
    hub: Hub, sdk_wheel: Path, tmp_path: Path
) -> None:
    reader = follow("airflow", hub, sdk_wheel, tmp_path)
    dags = reader.save_program("dags/daily_shop.py").parent
    home = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    run(["airflow", "db", "migrate"], tmp_path, reader.environment | home)
    # `dags test` tells of the end of the DAG's run, and not of its beginning.
    with all_is_taken(hub, AIRFLOW, count=5), all_is_taken(hub, PRODUCER, count=4):
        reader.run("airflow dags test daily_shop", **home)

    dag = run_of(hub, AIRFLOW, "daily_shop")
    for name in ("load_orders", "publish"):
        task, inside = run_of(hub, AIRFLOW, f"daily_shop.{name}"), run_of(hub, PRODUCER, f"shop.{name}")
        assert task["state"] == inside["state"] == "COMPLETED"
        assert task["parent"] == _reference(dag)
        assert (inside["parent"], inside["root"]) == (_reference(task), _reference(dag))
    loaded, published = datasets_of(hub, "job:default:shop.load_orders"), datasets_of(hub, "job:default:shop.publish")
    assert loaded == ({"dataset:s3://shop:raw/orders.csv"}, {f"{SHOP}.orders"})
    assert published == ({f"{SHOP}.orders"}, {"dataset:file:/srv/orders.csv"})


def test_dagster_steps_in_processes_of_their_own_are_part_of_the_dagster_run(
    hub: Hub, sdk_wheel: Path, tmp_path: Path
) -> None:
    reader = follow("dagster", hub, sdk_wheel, tmp_path)
    reader.save_program("shop.py")
    (home := tmp_path / "dagster").mkdir()
    quiet = {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "yes", "DO_NOT_TRACK": "1"}
    with all_is_taken(hub, PRODUCER, count=4):
        log = reader.run("dagster job execute -f shop.py -j daily_shop", **quiet)

    found = re.search(r"daily_shop - (\S+) - \d+ - RUN_SUCCESS", log)
    assert found, log[-2000:]
    dagster_run = {"runId": found[1], "namespace": "dagster", "jobName": "daily_shop"}
    steps = set(re.findall(r" - (\d+) - (?:orders|totals) - STEP_START ", log))
    assert len(steps) == 2, "each step is a process of its own"
    for name in ("shop.orders", "shop.totals"):
        inside = run_of(hub, PRODUCER, name)
        assert inside["state"] == "COMPLETED"
        assert inside["parent"] == inside["root"] == dagster_run
    assert datasets_of(hub, "job:default:shop.orders") == ({"dataset:s3://shop:raw/orders.csv"}, {f"{SHOP}.orders"})
    assert datasets_of(hub, "job:default:shop.totals") == ({f"{SHOP}.orders"}, {f"{SHOP}.totals"})


def test_prefect_tasks_in_threads_are_part_of_the_flows_run_which_has_prefects_id(
    hub: Hub, sdk_wheel: Path, tmp_path: Path
) -> None:
    reader = follow("prefect", hub, sdk_wheel, tmp_path)
    reader.save_program("shop.py")
    home = tmp_path / "prefect"
    # Its server is a temporary one, on this machine; on a busy one it takes a minute to be there.
    quiet = {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    with all_is_taken(hub, PRODUCER, count=6):
        log = reader.run("python shop.py", PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="180", **quiet)
    assert "\n42\n" in log

    with closing(sqlite3.connect(home / "prefect.db")) as database:
        [(prefects_id,)] = database.execute("SELECT id FROM flow_run").fetchall()
    flow = run_of(hub, PRODUCER, "daily_shop")
    assert (uuid.UUID(flow["id"]), flow["state"]) == (uuid.UUID(prefects_id), "COMPLETED")
    tasks = [run_of(hub, PRODUCER, name) for name in ("shop.load", "shop.sum_up")]
    assert set(flow["childRuns"]) == {task["id"] for task in tasks}
    for task in tasks:
        assert task["state"] == "COMPLETED"
        assert task["parent"] == task["root"] == _reference(flow)
    assert datasets_of(hub, "job:default:shop.load") == ({"dataset:s3://shop:raw/2026-11-26.csv"}, {f"{SHOP}.sales"})
    assert datasets_of(hub, "job:default:shop.sum_up") == ({f"{SHOP}.sales"}, {f"{SHOP}.sums"})


def test_dbt_a_pipeline_has_the_command_below_it_and_all_is_sent_by_the_sdk(
    hub: Hub, sdk_wheel: Path, tmp_path: Path
) -> None:
    project = dbt_project(tmp_path, "nightly")
    database = tmp_path / "shop.duckdb"
    quiet = {"SHOP_DATABASE": str(database), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    reader = follow("dbt", hub, sdk_wheel, project)
    reader.save_program("nightly.py")
    run(["dbt", "seed", "--profiles-dir=."], project, reader.environment | quiet)
    with all_is_taken(hub, DBT, count=6), all_is_taken(hub, PRODUCER, count=2):
        reader.run("python nightly.py", **quiet)

    pipeline, command = run_of(hub, PRODUCER, "nightly_shop"), run_of(hub, DBT, "dbt-run-nightly")
    assert pipeline["state"] == command["state"] == "COMPLETED"
    assert command["parent"] == command["root"] == _reference(pipeline)
    for name in ("paid_orders", "sales"):
        model = run_of(hub, DBT, f"shop.main.nightly.{name}")
        assert (model["state"], model["parent"]["runId"]) == ("COMPLETED", command["id"])
        assert model["root"] == _reference(pipeline)
    columns = column_edges(hub, f"dataset:duckdb://{database}:shop.main.sales")
    assert columns["country"] == {("shop.main.countries", "name", "DIRECT")}


def test_spark_the_application_is_part_of_the_drivers_run_which_tells_rows_and_columns(
    hub: Hub, sdk_wheel: Path, tmp_path: Path
) -> None:
    reader = follow("spark", hub, sdk_wheel, tmp_path)
    program = reader.save_program("sales.py")
    orders, sales = tmp_path / "orders.csv", tmp_path / "sales"
    orders.write_text("order_id,country,amount\n1,DE,10.5\n2,US,20\n3,US,1\n")
    actual = {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}
    listener = properties_file("docs/clients.md", "openlineage-spark", actual)
    with all_is_taken(hub, SPARK), all_is_taken(hub, PRODUCER, count=2):
        submit(program, tmp_path, listener, environment=reader.environment)

    driver, application = run_of(hub, PRODUCER, "shop.sales"), run_of(hub, SPARK, "shop_sales")
    assert driver["state"] == application["state"] == "COMPLETED"
    assert application["parent"] == application["root"] == _reference(driver)
    action = run_of(hub, SPARK, f"shop_sales.adaptive_spark_plan.{tmp_path.name}_sales")
    assert action["parent"]["runId"] == application["id"]
    assert action["root"] == _reference(driver)

    datasets = {f"dataset:file:{orders}"}, {f"dataset:file:{sales}"}
    assert datasets_of(hub, "job:default:shop.sales") == datasets
    columns = column_edges(hub, f"dataset:file:{sales}")
    assert {(str(orders), "amount", "DIRECT")} == columns["total"]
    rows = "SELECT JSONExtractUInt(Event, 'outputs', 1, 'outputFacets', 'outputStatistics', 'rowCount') FROM lineage_events"
    ended = f"{rows} FINAL WHERE RunId = {{run:String}} AND EventType = 'COMPLETE'"
    assert hub.count(ended, run=driver["id"]) == 2


def _reference(one: dict[str, Any]) -> dict[str, str]:
    """Return how a run is named by those that are part of it."""
    return {"runId": one["id"], "namespace": one["namespace"], "jobName": one["jobName"]}
