"""A hub with Marquez: events are forwarded once and in order through its outages; and a hub whose embedded broker dies comes back."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
import uuid
from pathlib import Path

import pytest
from aiohttp import web

from lineagehub.embedded.stack import AGENT_TOPICS
from tests.support.hub import Hub, children_of, start_hub
from tests.support.marquez import strict_marquez_in_a_thread
from tests.support.waiting import wait_until

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def _event(run_id: str, kind: str, second: int) -> dict[str, object]:
    return {
        "eventType": kind,
        "eventTime": f"2026-11-24T10:00:{second:02d}Z",
        "run": {"runId": run_id},
        "job": {"namespace": "shop", "name": "load"},
        "producer": "https://example.com",
        "schemaURL": SCHEMA,
    }


def _broker_pid(hub: Hub) -> int | None:
    for pid in children_of(hub.process.pid):
        try:
            if b"--storage-engine" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        except FileNotFoundError:
            continue
    return None


def _metrics(hub: Hub) -> dict[str, float]:
    """Return the marquez agent's metrics that have one value, by name without labels."""
    started = [json.loads(line) for line in hub.log("marquez").splitlines() if '"Agents started."' in line]
    with urllib.request.urlopen(f"{started[-1]['operations']}/metrics", timeout=10) as answer:
        lines = [line.rpartition(" ") for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name.partition("{")[0]: float(value) for name, _, value in lines}


def _accepts(hub: Hub, event: dict[str, object]) -> bool:
    try:
        return hub.post_json("/api/v1/lineage", event).status == 201
    except OSError:
        return False


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_marquez_gets_each_event_once_in_order_and_the_hub_survives_its_broker(tmp_path: Path) -> None:
    with strict_marquez_in_a_thread() as marquez, start_hub(tmp_path, "--marquez", marquez.url) as hub:
        assert list(hub.ready["pids"]) == ["web", *AGENT_TOPICS]
        marquez.next_answers = [web.Response(status=500), web.Response(status=503)]
        run_id = str(uuid.uuid4())
        for second, kind in enumerate(("START", "RUNNING", "COMPLETE")):
            assert hub.post_json("/api/v1/lineage", _event(run_id, kind, second)).status == 201
        wait_until(lambda: len(marquez.events) == 3, 60, "three events at Marquez")
        assert [event["eventType"] for event in marquez.events] == ["START", "RUNNING", "COMPLETE"]
        assert {event["job"]["namespace"] for event in marquez.events} == {"demo/shop"}, (
            "tenants do not meet in Marquez"
        )
        wait_until(lambda: hub.get(f"/api/v1/jobs/runs/{run_id}").status == 200, 30, "the run in ClickHouse, too")
        wait_until(
            lambda: _metrics(hub)["lineagehub_marquez_forwarded_events_total"] == 3, 10, "the forwarder's metrics"
        )
        wait_until(lambda: _metrics(hub)["lineagehub_behind_records"] == 0, 10, "nothing to be behind")
        assert _metrics(hub)["lineagehub_marquez_behind_seconds"] == 0

        first = _broker_pid(hub)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: _broker_pid(hub) not in (None, first), 60, "a new broker")
        later = str(uuid.uuid4())
        wait_until(lambda: _accepts(hub, _event(later, "START", 9)), 90, "the hub to accept again, with the same key")
        wait_until(lambda: hub.get(f"/api/v1/jobs/runs/{later}").status == 200, 60, "delivery on the new broker")
        assert hub.get(f"/api/v1/jobs/runs/{run_id}").json()["state"] == "COMPLETED", "what was delivered is kept"
