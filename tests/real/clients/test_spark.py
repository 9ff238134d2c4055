"""Spark with openlineage-spark, unmodified, configured as docs/clients.md says and no more: a join of a file and a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client_events import all_is_taken, column_edges, dataset_node, datasets_of, run_of
from tests.support.clients import CLIENTS
from tests.support.documents import properties_file
from tests.support.hub import Hub
from tests.support.spark import submit

pytestmark = pytest.mark.timeout(400)

PRODUCER = "/integration/spark"
JOB = CLIENTS / "spark" / "join_orders.py"
COUNTRIES_TABLE = "spark-warehouse/countries"

ORDERS = "order_id,country,amount\n1,DE,10.5\n2,US,20\n3,US,-1\n"
COUNTRIES = "code,name,rate\nDE,Germany,1\nUS,United States,0.9\n"


def test_it_needs_url_and_key_and_its_join_is_in_the_graph_and_in_the_columns(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "countries.csv").write_text(COUNTRIES)
    actual = {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}
    with all_is_taken(hub, PRODUCER):
        submit(JOB, tmp_path, properties_file("docs/clients.md", "openlineage-spark", actual), "--name=sales")

    application = run_of(hub, PRODUCER, "sales")
    join_name = f"sales.adaptive_spark_plan.{tmp_path.name}_sales"
    join = run_of(hub, PRODUCER, join_name)
    assert application["state"] == join["state"] == "COMPLETED"
    assert join["parent"] == join["root"] == {"runId": application["id"], "namespace": "spark", "jobName": "sales"}
    # Besides the join and the making of the table there are the jobs in which Spark looks at the files.
    assert len(application["childRuns"]) == len(set(application["childRuns"])) > 2
    assert join["id"] in application["childRuns"]
    assert join["processingEngine"] == "spark 3.5.9"

    orders, countries, sales = (f"dataset:file:{tmp_path}/{name}" for name in ("orders.csv", COUNTRIES_TABLE, "sales"))
    assert datasets_of(hub, f"job:spark:{join_name}") == ({orders, countries}, {sales})
    assert column_edges(hub, sales) == _columns(tmp_path)
    assert [field["name"] for field in dataset_node(hub, sales)["fields"]] == ["order_id", "country", "euros"]
    # The table is a folder, whose other name is the table's: a symlink.
    table = {"namespace": f"file:{tmp_path}/spark-warehouse", "name": "default.countries"}
    assert dataset_node(hub, countries)["aliases"] == [table]
    sources = hub.get("/marquez/api/v1/sources").json()["sources"]
    assert ("file", "file") in [(source["name"], source["connectionUrl"]) for source in sources]


def _columns(folder: Path) -> dict[str, set[tuple[str, str, str]]]:
    orders, countries = f"{folder}/orders.csv", f"{folder}/{COUNTRIES_TABLE}"
    return {
        "order_id": {(orders, "order_id", "DIRECT")},
        "country": {(countries, "name", "DIRECT")},
        "euros": {(orders, "amount", "DIRECT"), (countries, "rate", "DIRECT")},
        "": {
            (orders, "country", "INDIRECT"),
            (countries, "code", "INDIRECT"),
            (orders, "amount", "INDIRECT"),
        },
    }
