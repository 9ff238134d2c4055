"""An embedded ClickHouse server for tests, in a process of its own as in production."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.hub import run_command

STOP_SECONDS = 30


@dataclass
class EmbeddedClickHouse:
    """One life of the server."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def stop(self) -> int:
        """Stop it as a supervisor does; return the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill it with -9."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


MODULE = "lineagehub.embedded.clickhouse"


def server_command(data_dir: Path, module: str = MODULE) -> list[str]:
    """Return the command line of a server on a free port."""
    return [sys.executable, "-m", module, "--data", str(data_dir), "--port", "0"]


@contextlib.contextmanager
def start_embedded_clickhouse(
    data_dir: Path, working_directory: Path | None = None, *arguments: str, module: str = MODULE
) -> Iterator[EmbeddedClickHouse]:
    """Start a server on a free port and wait until it listens; stop it at the end. `arguments` are added to the command."""
    command = [*server_command(data_dir, module), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=working_directory)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the embedded ClickHouse ended with {process.wait(10)}"
        yield EmbeddedClickHouse(process, json.loads(line)["url"])
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


@contextlib.contextmanager
def start_migrated_clickhouse(data_dir: Path) -> Iterator[EmbeddedClickHouse]:
    """Start a server whose database has the whole schema and no rows. Only the first of a process takes the 6 s of the migrations."""
    shutil.copytree(_migrated_data(), data_dir, symlinks=True, dirs_exist_ok=True)
    with start_embedded_clickhouse(data_dir) as server:
        yield server


@functools.cache
def _migrated_data() -> Path:
    data_dir = Path(tempfile.mkdtemp(prefix="lineagehub-migrated-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
    with start_embedded_clickhouse(data_dir) as server:
        run_command("migrate", LINEAGEHUB_CLICKHOUSE_URL=server.url).check_returncode()
    return data_dir
