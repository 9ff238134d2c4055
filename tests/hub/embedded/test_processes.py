"""Supervised children: readiness, failure with the reason, restart backoff, and death with the parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lineagehub.embedded.data_directory import DataDirectory
from lineagehub.embedded.processes import Child, ChildFailed
from lineagehub.errors import ConfigurationError
from tests.support.hub import wait_dead


def _child(tmp_path: Path, code: str) -> Child:
    return Child("child", [sys.executable, "-c", code], {}, tmp_path / "child.log")


async def test_a_child_is_ready_when_it_prints_its_json_line(tmp_path: Path) -> None:
    child = _child(tmp_path, 'import time; print(\'{"url": "x"}\', flush=True); time.sleep(60)')
    assert await child.start(30) == {"url": "x"}
    assert child.is_running
    await child.stop(10)
    assert not child.is_running


async def test_a_child_that_ends_first_is_reported_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    child = _child(tmp_path, "import sys; sys.exit('the disk is broken')")
    with pytest.raises(ChildFailed, match=r"child ended with exit code 1: the disk is broken"):
        await child.start(30)


async def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{}', flush=True); time.sleep(60)"
    child = _child(tmp_path, code)
    await child.start(30)
    await child.stop(0.2)
    assert await child.wait() == -9


def test_backoff_doubles_up_to_ten_seconds(tmp_path: Path) -> None:
    child = _child(tmp_path, "")
    child.started_at = float("inf")
    assert [child.next_backoff() for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_children_die_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from lineagehub.embedded.processes import Child

async def main():
    sleeper = "import time; print('{{}}', flush=True); time.sleep(120)"
    child = Child("child", [sys.executable, "-c", sleeper], {{}}, Path({str(tmp_path / "log")!r}))
    await child.start(30)
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    child_pid = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait(10)
    supervisor.stdout.close()
    wait_dead([child_pid], 10)


def test_a_data_directory_takes_one_hub_and_keeps_its_secret(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path / "data")
    secret = first.secret_key()
    assert len(secret) == 64
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="Another `lineagehub up` uses"):
        DataDirectory(tmp_path / "data")
    assert first.secret_key() == secret


def test_each_life_of_the_broker_gets_empty_batch_ranges(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    first = data.new_batch_ranges()
    (first / "openlineage-events-0.json").write_text("{}")
    second = data.new_batch_ranges()
    assert not first.exists()
    assert list(second.iterdir()) == []
