"""The process: it says in one sentence why it cannot start, announces where it listens, and stops whatever runs."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.hub.embedded.clickhouse.conftest import ask
from tests.support.clickhouse import server_command, start_embedded_clickhouse
from tests.support.waiting import wait_until

RUNNING = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'"
SLEEP = "SELECT sleepEachRow(0.1) FROM numbers({rows}) SETTINGS max_block_size = 1"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_data_that_the_engine_cannot_open_is_one_sentence_and_exit_78(tmp_path: Path) -> None:
    (tmp_path / "chdb" / "metadata").mkdir(parents=True)
    (tmp_path / "chdb" / "metadata" / "broken.sql").write_text("garbage")
    result = _run(server_command(tmp_path))
    assert (result.returncode, result.stdout) == (78, "")
    assert f"The data in {tmp_path} cannot be opened" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "192.0.2.1"], "Cannot listen on 192.0.2.1:0"),
        (["--host", "no such host"], "Cannot listen on no such host:0"),
        (["--data", "/proc/none"], "The directory /proc/none cannot be used"),
        (["--data", "/tmp/odd?"], "has *, ?, { or } in its path"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_78(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    result = _run([*server_command(tmp_path), *arguments])
    assert (result.returncode, result.stdout) == (78, "")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_without_chdb_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import runpy, sys\nsys.modules['chdb'] = None\n"
        "sys.argv = ['x', '--data', sys.argv[1]]\nrunpy.run_module('lineagehub.embedded.clickhouse', run_name='__main__')"
    )
    result = _run([sys.executable, "-c", code, str(tmp_path)])
    assert result.returncode == 78
    assert result.stderr == "chdb is not installed. Run: pip install 'lineagehub[embedded]'\n"


def test_importing_the_server_does_not_import_the_engine() -> None:
    code = "import sys, lineagehub.embedded.clickhouse.server\nassert 'chdb' not in sys.modules"
    assert _run([sys.executable, "-c", code]).returncode == 0


def test_it_listens_on_ipv6_and_writes_the_ready_file_and_its_clock_is_utc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    ready = tmp_path / "ready.json"
    with start_embedded_clickhouse(tmp_path / "data", None, "--host", "::1", "--ready-file", str(ready)) as server:
        assert server.url.startswith("http://[::1]:")
        assert json.loads(ready.read_text())["url"] == server.url
        assert ask(server.url, "SELECT timezone()")[2] == "UTC\n"


def test_stopping_finishes_the_statement_that_runs(tmp_path: Path) -> None:
    with start_embedded_clickhouse(tmp_path) as server:
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(ask(server.url, SLEEP.format(rows=10))[0]))
        asking.start()
        wait_until(lambda: ask(server.url, RUNNING)[2] == "1\n", 30, "the statement to run")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
        asking.join(30)
        assert answers == [200]


def test_stopping_gives_up_a_statement_that_does_not_end(tmp_path: Path) -> None:
    with start_embedded_clickhouse(tmp_path, None, "--shutdown-seconds", "0.5") as server:
        asking = threading.Thread(target=_ask_in_vain, args=(server.url, SLEEP.format(rows=10_000)), daemon=True)
        asking.start()
        wait_until(lambda: ask(server.url, RUNNING)[2] == "1\n", 30, "the statement to run")
        assert server.stop() == 0
        asking.join(30)


def _ask_in_vain(url: str, statement: str) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(url, statement, function_sleep_max_microseconds_per_block="0")
