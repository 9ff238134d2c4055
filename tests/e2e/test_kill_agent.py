"""The guarantee, by an id-level ledger: an agent is killed with -9 in mid-stream, five times; nothing lost, nothing doubled."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.hub import Hub
from tests.support.waiting import wait_until

EVENTS = 20_000
KILLS = 5
EVENTS_A_REQUEST = 250
DELIVERED_SECONDS = 120


def _event(run_id: str, job: str) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "run": {"runId": run_id},
        "job": {"namespace": "kill", "name": job},
        "inputs": [],
        "outputs": [],
        "producer": "https://example.com/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _send(hub: Hub, run_ids: list[str], jobs: str) -> list[str]:
    """Send events in one request; return the ids that the hub acknowledged."""
    events = [_event(run_id, f"{jobs}-{index % 40}") for index, run_id in enumerate(run_ids)]
    answer = hub.post_json("/api/v1/lineage/ingest", {"namespace": "demo", "events": events})
    assert answer.status == 200, answer.body
    assert answer.json()["accepted"] == len(run_ids)
    return run_ids


def _kill_in_mid_stream(hub: Hub, stored: Callable[[], int]) -> None:
    """Wait until delivery is under way, kill the agent, and wait for its next life."""
    before = stored()
    wait_until(lambda: stored() > before or stored() >= EVENTS, 60, "delivery to be under way")
    pid = hub.agent_pid("lineage-store")
    assert pid is not None, "the agent runs"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: hub.agent_pid("lineage-store") not in (None, pid), 60, "the agent's restart")


@pytest.mark.slow
def test_an_agent_killed_five_times_in_mid_stream_loses_nothing_and_doubles_nothing(hub: Hub) -> None:
    jobs = f"job-{uuid.uuid4().hex[:8]}"
    run_ids = [str(uuid.uuid4()) for _ in range(EVENTS)]
    requests = [run_ids[start : start + EVENTS_A_REQUEST] for start in range(0, EVENTS, EVENTS_A_REQUEST)]
    kill_after = {len(requests) * (number + 1) // (KILLS + 1) for number in range(KILLS)}
    acknowledged: list[str] = []
    killed = 0

    def stored_raw() -> int:
        return hub.count("SELECT count() FROM lineage_events WHERE startsWith(JobName, {jobs:String})", jobs=jobs)

    with concurrent.futures.ThreadPoolExecutor(4) as senders:
        for number, sent in enumerate(senders.map(lambda request: _send(hub, request, jobs), requests), 1):
            acknowledged += sent
            if number in kill_after:
                _kill_in_mid_stream(hub, stored_raw)
                killed += 1
    assert killed == KILLS
    assert sorted(acknowledged) == sorted(run_ids)

    def distinct() -> int:
        return hub.count(
            "SELECT uniqExact(RunId) FROM lineage_events WHERE startsWith(JobName, {jobs:String})", jobs=jobs
        )

    wait_until(lambda: distinct() >= EVENTS, DELIVERED_SECONDS, f"all {EVENTS} events to be stored")
    rows = hub.rows("SELECT RunId FROM lineage_events WHERE startsWith(JobName, {jobs:String})", jobs=jobs)
    ids = [row["RunId"] for row in rows]
    assert len(ids) == EVENTS, f"{len(ids) - EVENTS} rows too many: doubled before any merge or FINAL"
    assert sorted(ids) == sorted(run_ids)
    assert json.loads(hub.get("/api/v1/health").body)["status"] == "healthy"
