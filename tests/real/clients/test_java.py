"""openlineage-java, unmodified, configured by its file or its environment variables alone: over HTTP, and straight to Kafka."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.client_events import all_is_taken, column_edges, datasets_of
from tests.support.clients import CLIENTS, jars
from tests.support.hub import Hub, clean_environment
from tests.support.kafka import Kafka
from tests.support.missing import skip_or_fail

PRODUCER = "https://example.com/load-orders"
PROGRAM = CLIENTS / "java" / "LoadOrders.java"
RUN_SECONDS = 60
COMPRESSIONS = {"plain": {}, "gzip": {"compression": "gzip"}}


@pytest.mark.parametrize("compression", COMPRESSIONS.values(), ids=COMPRESSIONS)
def test_over_http_it_needs_url_and_key_in_its_file(hub: Hub, tmp_path: Path, compression: dict[str, str]) -> None:
    transport = {"type": "http", "url": hub.url, "auth": {"type": "api_key", "apiKey": hub.api_key}, **compression}
    run_id = str(uuid.uuid4())
    with all_is_taken(hub, PRODUCER):
        _load_orders(run_id, tmp_path, transport)
    _assert_the_run(hub, run_id)


def test_over_http_it_needs_url_and_key_in_its_environment(hub: Hub, tmp_path: Path) -> None:
    run_id = str(uuid.uuid4())
    with all_is_taken(hub, PRODUCER):
        _load_orders(
            run_id,
            tmp_path,
            OPENLINEAGE__TRANSPORT__TYPE="http",
            OPENLINEAGE__TRANSPORT__URL=hub.url,
            OPENLINEAGE__TRANSPORT__AUTH__TYPE="api_key",
            OPENLINEAGE__TRANSPORT__AUTH__API_KEY=hub.api_key,
        )
    _assert_the_run(hub, run_id)


def test_to_kafka_it_needs_brokers_and_the_topic_that_is_bound_to_its_namespace(
    hub: Hub, kafka: Kafka, bound_topic: str, tmp_path: Path
) -> None:
    serializer = "org.apache.kafka.common.serialization.StringSerializer"
    properties = {"bootstrap.servers": kafka.bootstrap, "key.serializer": serializer, "value.serializer": serializer}
    run_id = str(uuid.uuid4())
    with all_is_taken(hub, PRODUCER, [bound_topic], count=2):
        _load_orders(run_id, tmp_path, {"type": "kafka", "topicName": bound_topic, "properties": properties})
    _assert_the_run(hub, run_id)


def _load_orders(run_id: str, folder: Path, transport: Mapping[str, object] | None = None, **variables: str) -> None:
    """Run the program to its end in a folder with this openlineage.yml, in an environment with these variables."""
    if transport:
        (folder / "openlineage.yml").write_text(json.dumps({"transport": transport}))
    if shutil.which("javac") is None:
        skip_or_fail("Java starts a program from its source with javac, which is not installed (a JDK 17 is enough).")
    result = subprocess.run(
        ["java", "-cp", f"{jars('java')}{os.sep}*", str(PROGRAM), run_id],
        cwd=folder,
        env=clean_environment() | variables,
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
