"""Child processes and what they cost: CPU seconds and memory of a process and all its descendants, from /proc."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.hub import children_of, clean_environment

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 60


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process, its threads and its living descendants, since their start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return own + sum(map(cpu_seconds, children_of(pid)))


def resident_mebibytes(pid: int) -> float:
    """Return the resident memory of a process and its descendants, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    own = pages * os.sysconf("SC_PAGE_SIZE") / 1_048_576
    return own + sum(map(resident_mebibytes, children_of(pid)))


def run_lineagehub(environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """Run one `lineagehub` command to its end and return the JSON line that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "lineagehub", *arguments],
        env=clean_environment() | dict(environment),
        capture_output=True,
        check=True,
        timeout=STOP_SECONDS,
    )
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@contextlib.contextmanager
def start_lineagehub(
    environment: Mapping[str, str], log_path: Path, *arguments: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Start a `lineagehub` command that goes on; give the process and the JSON line of its being ready; stop it at the end."""
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lineagehub", *arguments],
            env=clean_environment() | dict(environment),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"lineagehub {' '.join(arguments)} ended with {process.wait(10)}: {log_path.read_text()[-500:]}"
        yield process, json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
