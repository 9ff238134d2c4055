"""The SDK against a running hub: each example as a user runs it, and `lineagehub demo`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hub import Hub, clean_environment
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "sdk" / "examples").glob("*.py"))
VISIBLE_SECONDS = 30


def _environment(hub: Hub) -> dict[str, str]:
    return clean_environment() | {"LINEAGEHUB_URL": hub.url, "LINEAGEHUB_API_KEY": hub.api_key}


def test_the_three_examples_are_there() -> None:
    assert {path.name for path in EXAMPLES} >= {"basic_usage.py", "ml_pipeline.py", "multi_stage_pipeline.py"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_with_url_and_key_and_its_events_arrive(hub: Hub, example: Path) -> None:
    def stored() -> int:
        return hub.count("SELECT count() FROM lineage_events FINAL WHERE Producer LIKE '%lineagehub%sdk%'")

    before = stored()
    result = subprocess.run(
        [sys.executable, str(example)], env=_environment(hub), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    wait_until(lambda: stored() > before, VISIBLE_SECONDS, f"events of {example.name}")


def test_the_demo_sees_everything_that_it_sent_arrive(hub: Hub) -> None:
    environment = _environment(hub) | {"LINEAGEHUB_KAFKA_BROKERS": hub.ready["kafka"], "LINEAGEHUB_NAMESPACE": "demo"}
    command = [sys.executable, "-m", "lineagehub", "demo"]
    result = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["complete"] is True
    assert {entry["transport"] for entry in report["sent"]} == {"http", "kafka"}

    human = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert human.returncode == 0, human.stdout + human.stderr
    assert "job" in human.stdout


def test_a_demo_without_a_hub_fails_with_the_next_command() -> None:
    environment = clean_environment() | {"LINEAGEHUB_URL": "http://127.0.0.1:1", "LINEAGEHUB_API_KEY": "lh_dev_x"}
    result = subprocess.run(
        [sys.executable, "-m", "lineagehub", "demo"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 69
    assert "lineagehub up" in result.stderr
