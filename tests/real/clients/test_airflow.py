"""Airflow with its OpenLineage provider, unmodified, configured as docs/clients.md says and no more: a DAG and its tasks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.client_events import all_is_taken, datasets_of, run_of
from tests.support.clients import CLIENTS, virtual_environment
from tests.support.documents import exports
from tests.support.hub import Hub, clean_environment

pytestmark = pytest.mark.timeout(400)

PRODUCER = "/providers-openlineage/2.20.3"
RUN_SECONDS = 150
FILES = {
    "clean": ("orders.csv", "clean.csv"),
    "publish": ("clean.csv", "shop.csv"),
    "archive": ("clean.csv", "archive.csv"),
}
"""What each task reads and writes."""


def test_it_needs_url_and_key_and_its_tasks_and_their_files_are_in_the_graph(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("2,US\n1,DE\n2,US\n")
    actual = {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}
    transport = exports("docs/clients.md", "apache-airflow-providers-openlineage", actual)
    home = {"AIRFLOW_HOME": str(tmp_path / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    _run(tmp_path, home, "db", "migrate")
    with all_is_taken(hub, PRODUCER):
        _run(tmp_path, home | transport, "dags", "test", "shop")
    assert (tmp_path / "archive.csv").read_text() == "1,DE\n2,US\n"

    dag = run_of(hub, PRODUCER, "shop")
    tasks = {name: run_of(hub, PRODUCER, f"shop.{name}") for name in FILES}
    assert {one["state"] for one in (dag, *tasks.values())} == {"COMPLETED"}
    assert set(dag["childRuns"]) == {task["id"] for task in tasks.values()}
    for run in tasks.values():
        assert run["parent"] == run["root"] == {"runId": dag["id"], "namespace": "default", "jobName": "shop"}
        assert run["processingEngine"] == "Airflow 3.3.2"

    # Airflow names the same file in three ways: of an asset, of a path with a scheme, and of one without, which has no namespace.
    bare = str(tmp_path).removeprefix("/")
    for task, folder in (("clean", f"file:{tmp_path}"), ("publish", f"file:{bare}"), ("archive", f":{bare}")):
        source, target = FILES[task]
        found = datasets_of(hub, f"job:default:shop.{task}")
        assert found == ({f"dataset:{folder}/{source}"}, {f"dataset:{folder}/{target}"})


def _run(folder: Path, variables: dict[str, str], *command: str) -> None:
    programs = virtual_environment("airflow") / "bin"
    dags = {"AIRFLOW__CORE__DAGS_FOLDER": str(CLIENTS / "airflow" / "dags"), "SHOP_FOLDER": str(folder)}
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("AIRFLOW")}
    result = subprocess.run(
        [programs / "airflow", *command],
        env=environment | dags | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-4000:]
    assert "Failed to emit" not in output, output
