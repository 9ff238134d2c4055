"""`lineagehub up` as a process: what it prints, how it refuses, restarts its children, and stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.support.clickhouse import start_embedded_clickhouse
from tests.support.hub import Hub, children_of, clean_environment, is_alive, start_hub, up_command, wait_dead
from tests.support.waiting import wait_until

RUN_ID = "0190d0a2-0000-7000-8000-000000000001"
EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-24T10:00:00Z",
    "run": {"runId": RUN_ID},
    "job": {"namespace": "up", "name": "job"},
    "producer": "https://example.com/test",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}

METRICS = {
    "resourceMetrics": [
        {"scopeMetrics": [{"metrics": [{"name": "up", "gauge": {"dataPoints": [{"asInt": "1"} for _ in range(500)]}}]}]}
    ]
}
LOGS = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "up"}} for _ in range(500)]}]}]}


def _refusal(data: Path, *arguments: str) -> tuple[int, str]:
    result = subprocess.run(
        [*up_command(data)[:4], "--data", str(data), *arguments],
        capture_output=True,
        env=clean_environment(),
        timeout=60,
    )
    assert result.stdout == b""
    return result.returncode, result.stderr.decode()


def test_the_ready_line_holds_exactly_what_is_promised(hub: Hub) -> None:
    assert list(hub.ready) == ["url", "namespace", "api_key", "operator_key", "kafka", "clickhouse", "pids"]
    assert list(hub.ready["pids"]) == [
        "web",
        "lineage-store",
        "telemetry-store",
        "audit",
        "quota",
        "dead-letters",
        "alerts",
    ]
    assert hub.ready["namespace"] == "demo"


def test_a_taken_port_is_one_sentence_and_exit_75(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, message = _refusal(tmp_path, "--port", str(taken.getsockname()[1]))
    assert code == 75
    assert message.startswith("lineagehub: The port is taken by another process.\n  next: Choose another with --port")


def test_a_broken_data_directory_is_one_sentence_and_exit_78(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    code, message = _refusal(tmp_path / "file", "--port", "0")
    assert code == 78
    assert message.startswith("lineagehub: The data directory ")


def test_two_hubs_on_one_data_directory_are_refused(hub: Hub) -> None:
    code, message = _refusal(hub.data, "--port", "0")
    assert code == 78
    assert "Another `lineagehub up` uses" in message


def test_a_dead_web_is_started_again_on_the_same_port(hub: Hub) -> None:
    pid = hub.child_pid("serve")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        try:
            return hub.get("/readyz").status == 200
        except OSError:
            return False

    wait_until(answers, 60, "the web's restart")


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_what_was_accepted_is_delivered_before_it_stops_and_kept_after_kill_9(tmp_path: Path) -> None:
    run_ids = [str(uuid.uuid4()) for _ in range(500)]
    with start_hub(tmp_path) as first:
        events = [EVENT | {"run": {"runId": run_id}} for run_id in run_ids]
        assert first.post_json("/api/v1/lineage/ingest", {"events": events}).json()["accepted"] == 500
        assert first.post_json("/v1/metrics", METRICS).status == 200
        assert first.post_json("/v1/logs", LOGS).status == 200
        pids = children_of(first.process.pid)
        assert first.stop() == 0
        wait_dead(pids, 10)

    with start_hub(tmp_path) as second:
        stored = second.rows("SELECT RunId FROM lineage_events FINAL WHERE JobNamespace = 'up'")
        assert sorted(row["RunId"] for row in stored) == sorted(run_ids)
        assert second.count("SELECT count() FROM otel_metrics_gauge WHERE MetricName = 'up'") == 500
        assert second.count("SELECT count() FROM otel_logs WHERE Body = 'up'") == 500
        old_key = first.api_key
        assert second.request("GET", "/api/v1/events/lineage", key=old_key).status == 200, "an earlier key stays valid"
        pids = children_of(second.process.pid)
        assert len(pids) == 9
        second.kill()
        wait_dead(pids, 10)

    with start_hub(tmp_path) as third:
        assert third.request("GET", "/api/v1/events/lineage", key=old_key).status == 200, (
            "the control topic survives kill -9"
        )
        answer = third.post_json("/api/v1/lineage", EVENT)
        assert answer.status == 201

        def stored_again() -> bool:
            return third.count("SELECT count() FROM lineage_events WHERE RunId = {run:String}", run=RUN_ID) == 1

        wait_until(stored_again, 20, "an event on a new broker, whose offsets begin at 0 again")
        assert json.loads(answer.body)


@pytest.mark.slow
def test_a_clickhouse_of_the_users_is_migrated_filled_in_the_database_they_named_and_left_running(
    tmp_path: Path,
) -> None:
    named = {"LINEAGEHUB_CLICKHOUSE_DATABASE": "observability"}
    with start_embedded_clickhouse(tmp_path / "theirs") as theirs:
        with start_hub(tmp_path / "hub", "--clickhouse", theirs.url, settings=named) as hub:
            assert hub.ready["clickhouse"] == theirs.url
            assert len(children_of(hub.process.pid)) == 8
            assert hub.post_json("/api/v1/lineage", EVENT).status == 201
            wait_until(
                lambda: hub.get(f"/api/v1/jobs/runs/{RUN_ID}").status == 200, 30, "the run in the user's ClickHouse"
            )
            assert hub.stop() == 0
        assert is_alive(theirs.pid)


def test_an_absent_clickhouse_is_one_sentence_and_exit_69_and_nothing_is_left(tmp_path: Path) -> None:
    code, message = _refusal(tmp_path, "--port", "0", "--clickhouse", "http://127.0.0.1:1")
    assert code == 69
    assert "ClickHouse at http://127.0.0.1:1/ does not answer" in message
    assert "Traceback" not in message
