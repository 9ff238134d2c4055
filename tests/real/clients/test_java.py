"""openlineage-java, unmodified, configured as docs/clients.md says and no more: over HTTP, and straight to Kafka."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.support.bound_topics import EVENTS_TOPIC, TEAM, as_namespace
from tests.support.client_events import all_is_taken, column_edges, datasets_of
from tests.support.clients import CLIENTS, jars
from tests.support.documents import exports, yaml_file
from tests.support.hub import Hub, clean_environment
from tests.support.missing import skip_or_fail

DOCUMENT = "docs/clients.md"
PRODUCER = "https://example.com/load-orders"
PROGRAM = CLIENTS / "java" / "LoadOrders.java"
RUN_SECONDS = 60


def test_over_http_its_environment_is_enough(hub: Hub, tmp_path: Path) -> None:
    run_id = str(uuid.uuid4())
    with all_is_taken(hub, PRODUCER):
        _load_orders(run_id, tmp_path, exports(DOCUMENT, "openlineage-java over HTTP", _http(hub)))
    _assert_the_run(hub, run_id)


def test_over_http_its_file_is_enough_and_bodies_are_compressed(hub: Hub, tmp_path: Path) -> None:
    text = yaml_file(DOCUMENT, "openlineage-java over HTTP", _http(hub))
    assert "compression: gzip" in text
    run_id = str(uuid.uuid4())
    with all_is_taken(hub, PRODUCER):
        _load_orders(run_id, tmp_path, file=text)
    _assert_the_run(hub, run_id)


def test_to_kafka_its_file_is_enough_and_a_bound_topic_says_whose_events_they_are(hub: Hub, tmp_path: Path) -> None:
    team = as_namespace(hub, TEAM)
    text = yaml_file(DOCUMENT, "openlineage-java to Kafka", {"127.0.0.1:9092": hub.ready["kafka"]})
    run_id = str(uuid.uuid4())
    with all_is_taken(hub, PRODUCER, [EVENTS_TOPIC], count=2):
        _load_orders(run_id, tmp_path, file=text)
    _assert_the_run(team, run_id)
    assert hub.get(f"/api/v1/jobs/runs/{run_id}").status == 404, "it is of no other namespace"


def _http(hub: Hub) -> dict[str, str]:
    return {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}


def _load_orders(run_id: str, folder: Path, variables: Mapping[str, str] | None = None, file: str = "") -> None:
    """Run the program to its end in a folder with this openlineage.yml, or in an environment with these variables."""
    if file:
        (folder / "openlineage.yml").write_text(file)
    if shutil.which("javac") is None:
        skip_or_fail("Java starts a program from its source with javac, which is not installed (a JDK 17 is enough).")
    result = subprocess.run(
        ["java", "-cp", f"{jars('java')}/*", str(PROGRAM), run_id],
        cwd=folder,
        env=clean_environment() | dict(variables or {}),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert result.returncode == 0, result.stderr
    assert "ERROR" not in result.stderr, result.stderr


def _assert_the_run(hub: Hub, run_id: str) -> None:
    run = hub.get(f"/api/v1/jobs/runs/{run_id}").json()
    assert (run["namespace"], run["jobName"], run["state"]) == ("java", "load_orders", "COMPLETED")
    sales = "dataset:postgres://db:5432:shop.public.sales"
    assert datasets_of(hub, "job:java:load_orders") == ({"dataset:s3://raw:orders.csv"}, {sales})
    columns = {
        "euros": {("orders.csv", "price", "DIRECT"), ("orders.csv", "rate", "DIRECT")},
        "": {("orders.csv", "country", "INDIRECT")},
    }
    assert column_edges(hub, sales) == columns
    stored = hub.count("SELECT count() FROM lineage_events WHERE RunId = {run:String}", run=run_id)
    assert stored == 2
