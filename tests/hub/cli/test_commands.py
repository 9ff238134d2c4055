"""The command line: every command has help, errors are one sentence with a next step and a documented exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineagehub.cli import COMMANDS, EPILOG
from tests.support.hub import run_command


def test_every_file_of_the_folder_is_a_registered_command() -> None:
    folder = Path(__file__).parents[3] / "lineagehub" / "cli"
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    result = run_command(name, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: lineagehub" in result.stdout


def test_the_overview_names_every_command_and_exit_code() -> None:
    result = run_command("--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in COMMANDS)
    for code in ("69", "70", "75", "78", "130"):
        assert code in EPILOG


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run_command("upp").returncode == 2


def test_a_wrong_setting_is_one_sentence_that_names_the_variable() -> None:
    result = run_command("topics", "check", LINEAGEHUB_KAFKA_REPLICATION_FACTOR="many")
    assert result.returncode == 78
    assert "LINEAGEHUB_KAFKA_REPLICATION_FACTOR is wrong" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_secret_is_never_shown() -> None:
    result = run_command("bootstrap", LINEAGEHUB_SECRET_KEY="short-secret")
    assert result.returncode == 78
    assert "LINEAGEHUB_SECRET_KEY" in result.stderr
    assert "short-secret" not in result.stderr


def test_an_absent_broker_is_exit_69_with_the_next_command() -> None:
    result = run_command("topics", "check", LINEAGEHUB_KAFKA_BROKERS="127.0.0.1:1")
    assert result.returncode == 69
    assert "does not answer" in result.stderr
    assert "next: lineagehub doctor" in result.stderr


def test_an_unknown_agent_is_answered_with_the_names_there_are() -> None:
    result = run_command("agent", "lineage-stor", LINEAGEHUB_SECRET_KEY="x" * 32)
    assert result.returncode == 78
    assert "lineage-store" in result.stderr


def test_doctor_says_what_is_down_and_how_to_mend_it() -> None:
    result = run_command(
        "doctor",
        "--json",
        LINEAGEHUB_KAFKA_BROKERS="127.0.0.1:1",
        LINEAGEHUB_CLICKHOUSE_URL="http://127.0.0.1:1",
        LINEAGEHUB_URL="http://127.0.0.1:1",
    )
    assert result.returncode == 1
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["python"]["status"] == "ok"
    for name in ("kafka", "clickhouse", "web"):
        assert findings[name]["status"] == "FAIL"
        assert findings[name]["fix"]
