"""Scripts in the style of the data-lineage-hub SDK, with only the import changed, against a running hub: what arrives is all of it.

The scripts (tests/sdk/compatibility) import `data_lineage_hub_sdk`; here that one word becomes `lineagehub_sdk`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.hub import Hub, clean_environment
from tests.support.waiting import wait_until

SCRIPTS = Path(__file__).parents[1] / "sdk" / "compatibility"
VISIBLE_SECONDS = 30


def _run(name: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    text = (SCRIPTS / name).read_text()
    assert text.count("from data_lineage_hub_sdk import") == 1
    script = tmp_path / name
    script.write_text(text.replace("from data_lineage_hub_sdk import", "from lineagehub_sdk import"))
    return subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=90,
    )


def _on(hub: Hub) -> dict[str, str]:
    return {"HUB": hub.url, "KEY": hub.api_key}


def _events(hub: Hub, jobs: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the events of such jobs, by job and type."""
    rows = hub.rows("SELECT Event AS event FROM lineage_events FINAL WHERE JobName LIKE {jobs:String}", jobs=jobs)
    events = [json.loads(row["event"]) for row in rows]
    return {(event["job"]["name"], event["eventType"]): event for event in events}


def test_decorators_with_dicts(hub: Hub, tmp_path: Path) -> None:
    result = _run("decorators.py", tmp_path, **_on(hub))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1:] == ["{0: 2, 1: 2}", "the disk is full"]
    jobs = ("compat.extract_customers", "compat.score_customers", "compat.broken_export")
    expected = {(job, kind) for job in jobs[:2] for kind in ("START", "COMPLETE")}
    expected |= {(jobs[2], "START"), (jobs[2], "FAIL")}
    wait_until(lambda: all(key in _events(hub, "compat.%") for key in expected), VISIBLE_SECONDS, "the script's events")

    events = _events(hub, "compat.%")
    complete = events["compat.extract_customers", "COMPLETE"]
    assert [dataset["name"] for dataset in complete["inputs"]] == ["shop.customers"]
    assert complete["outputs"][0]["name"].endswith("customers.parquet")
    tags = complete["job"]["facets"]["tags"]["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {"team": "sales", "cost": "low"}
    assert "the disk is full" in events["compat.broken_export", "FAIL"]["run"]["facets"]["errorMessage"]["message"]
    assert len({event["run"]["runId"] for event in events.values() if event["job"]["name"] in jobs}) == 3


def test_the_async_client(hub: Hub, tmp_path: Path) -> None:
    result = _run("async_client.py", tmp_path, **_on(hub))
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Hub healthy, version ")
    assert lines[1:3] == ["Lineage: 2 accepted, 0 rejected", "Telemetry: 1 spans, 1 metrics"]
    assert any(line.startswith("Namespace: demo") for line in lines)
    assert lines[-1] == "demo"
    wait_until(lambda: len(_events(hub, "compat.async_client")) == 2, VISIBLE_SECONDS, "the client's events")
    for table in ("otel_traces", "otel_metrics_sum"):
        sql = f"SELECT count() FROM {table} WHERE ServiceName = 'compat-service'"
        wait_until(lambda sql=sql: hub.count(sql) == 2, VISIBLE_SECONDS, f"rows of {table}")  # type: ignore[misc]


def test_the_batching_client(hub: Hub, tmp_path: Path) -> None:
    result = _run("batching_client.py", tmp_path, **_on(hub))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    wait_until(lambda: len(_events(hub, "compat.batch%")) == 56, VISIBLE_SECONDS, "28 jobs' two events each")
