"""The guarantee of the SDK's spool, by an id-level ledger: no hub for the whole run, kill -9 half-way, the hub comes later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lineagehub_sdk._delivery import spool_segment

from tests.support.broker import free_port
from tests.support.hub import clean_environment, start_hub
from tests.support.waiting import wait_until

CALLS = 10_000
STORED_SECONDS = 120

PIPELINE = """
import sys, time
from lineagehub_sdk import lineage_track

@lineage_track("spooled pipeline", inputs=["s3://raw/orders"], outputs=["postgres://db:5432/shop.public.orders"])
def step(number):
    deadline = time.perf_counter() + 0.001
    while time.perf_counter() < deadline:
        pass

for number in range(int(sys.argv[1])):
    step(number)
    print(number, flush=True)
"""


def _on_disk(state: Path) -> set[tuple[str, str]]:
    """Return run id and event type of each whole record on disk: what the dead process had written."""
    written: set[tuple[str, str]] = set()
    for segment in state.rglob("*.segment"):
        events, _ = spool_segment.decode(segment.read_bytes())
        for event in events:
            document = json.loads(event.body)
            written.add((document["run"]["runId"], document["eventType"]))
    return written


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_a_pipeline_wrote_before_kill_9_without_a_hub_arrives_once_when_there_is_one(tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "state"
    with start_hub(tmp_path / "hub", "--port", str(port)) as first:
        api_key = first.api_key
        assert first.stop() == 0
    environment = clean_environment() | {
        "LINEAGEHUB_URL": f"http://127.0.0.1:{port}",
        "LINEAGEHUB_API_KEY": api_key,
        "LINEAGEHUB_SPOOL_SIZE": "268435456",
        "LINEAGEHUB_FLUSH_TIMEOUT": "120",
        "XDG_STATE_HOME": str(state),
    }
    command = [sys.executable, "-c", PIPELINE, str(CALLS)]

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as pipeline:
        assert pipeline.stdout is not None
        for line in pipeline.stdout:
            if int(line) == CALLS // 2:
                pipeline.kill()
                break
    ledger = _on_disk(state)
    assert len(ledger) >= CALLS // 10, "half a pipeline is five seconds and 10,000 events; the last second may be lost"

    with start_hub(tmp_path / "hub", "--port", str(port)) as hub:
        hub.lift_limits()
        subprocess.run([*command[:-1], "10"], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=200)
        query = "FROM lineage_events WHERE JobName = 'spooled pipeline'"
        wait_until(
            lambda: hub.count(f"SELECT count() {query}") >= len(ledger) + 20, STORED_SECONDS, "all events to be stored"
        )
        rows = hub.rows(f"SELECT RunId, EventType {query}")
        stored = [(row["RunId"], row["EventType"]) for row in rows]
        assert len(stored) == len(set(stored)) == len(ledger) + 20, "an event is stored twice, before any merge"
        assert ledger <= set(stored)
    assert not list(state.rglob("*.segment"))
