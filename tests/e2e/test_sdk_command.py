"""`lineagehub-sdk`, as it is installed, against a running hub: what it sends is stored, what it prints is what the hub says."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import Hub, clean_environment
from tests.support.pages import blocks_of, run_cells
from tests.support.waiting import wait_until

VISIBLE_SECONDS = 30


def _command(hub: Hub, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    reached = {"LINEAGEHUB_URL": hub.url, "LINEAGEHUB_API_KEY": hub.api_key}
    return subprocess.run(
        [str(Path(sys.executable).parent / "lineagehub-sdk"), *words],
        env=clean_environment() | reached | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
    )


def _json(hub: Hub, *words: str, stdin: str = "") -> Any:
    result = _command(hub, *words, "--json", stdin=stdin)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _event(job: str, run_id: str, kind: str = "COMPLETE") -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": "2026-11-26T12:00:00Z",
        "run": {"runId": run_id},
        "job": {"namespace": "command", "name": job},
        "producer": "https://example.com/by-hand",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _stored(hub: Hub, job: str) -> int:
    return hub.count("SELECT count() FROM lineage_events FINAL WHERE JobName = {job:String}", job=job)


def test_health_names_every_part_of_the_hub(hub: Hub) -> None:
    health = _json(hub, "health")
    assert (health["status"], health["readiness"]) == ("healthy", "ready")
    assert set(health["dependencies"]) >= {"kafka", "clickhouse"}
    assert "kafka" in _command(hub, "health").stdout


def test_what_is_sent_is_stored_once_however_often(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(json.dumps(_event("command.file", str(uuid.uuid4()))) for _ in range(1_200)))
    for _ in range(2):
        assert _json(hub, "send-events", "--file", str(path))["accepted"] == 1_200
    assert _json(hub, "emit", stdin=json.dumps(_event("command.one", str(uuid.uuid4()))))["accepted"] == 1
    words = (
        "create-job-events",
        "--job-name",
        "command.job",
        "--input",
        "s3://raw/a",
        "--output",
        "s3://raw/b",
        "--tag",
        "a=b",
    )
    assert _json(hub, *words)["accepted"] == 2
    for job, count in {"command.file": 1_200, "command.one": 1, "command.job": 2}.items():
        wait_until(lambda job=job, count=count: _stored(hub, job) == count, VISIBLE_SECONDS, f"{count} events of {job}")  # type: ignore[misc]


def test_an_event_that_the_hub_does_not_take_is_named_and_costs_no_other(hub: Hub) -> None:
    run_id = str(uuid.uuid4())
    result = _command(
        hub, "send-events", json.dumps({"eventType": "START"}), json.dumps(_event("command.good", run_id))
    )
    assert result.returncode == 1
    assert result.stdout == "1 events taken by namespace demo, 1 refused\n"
    assert result.stderr.startswith("events[0]: schema_invalid: ")


def test_namespaces_are_those_of_the_key(hub: Hub) -> None:
    assert [namespace["name"] for namespace in _json(hub, "namespaces", "list")] == ["demo"]
    assert [namespace["name"] for namespace in _json(hub, "list-namespaces")] == ["demo"]
    assert _json(hub, "get-namespace", "demo")["retention_days"] > 0
    missing = _command(hub, "get-namespace", "nobodys")
    assert missing.returncode == 1
    assert "next: lineagehub-sdk namespaces list" in missing.stderr


@pytest.mark.parametrize("words", [("emit",), ("namespaces", "list")], ids=lambda words: words[0])
def test_a_key_that_is_none_is_not_allowed(hub: Hub, words: tuple[str, ...]) -> None:
    result = _command(
        hub, *words, stdin=json.dumps(_event("command.x", str(uuid.uuid4()))), LINEAGEHUB_API_KEY="lh_dev_x"
    )
    assert result.returncode == 77
    assert "set LINEAGEHUB_API_KEY" in result.stderr


def test_another_namespace_than_the_keys_is_refused(hub: Hub) -> None:
    result = _command(hub, "emit", "--namespace", "other", stdin=json.dumps(_event("command.x", str(uuid.uuid4()))))
    assert result.returncode == 77
    assert "'other'" in result.stderr


def test_the_notebooks_page_runs_with_a_hub(hub: Hub) -> None:
    page = Path(__file__).parents[2] / "sdk" / "docs" / "notebook.md"
    output = run_cells(
        blocks_of(page, "python|python no-hub"),
        LINEAGEHUB_URL=hub.url,
        LINEAGEHUB_API_KEY=hub.api_key,
        LINEAGEHUB_STRICT="1",
    )
    assert output.startswith("ready {")
    for job in ("explore.clean_orders", "explore.features", "explore.fetch"):
        wait_until(lambda job=job: _stored(hub, job) == 2, VISIBLE_SECONDS, f"the run of {job}")  # type: ignore[misc]
