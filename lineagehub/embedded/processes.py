"""Supervised child processes: started, watched, restarted with backoff, stopped; gone when we are gone, even by kill -9.

Used by stack.py. A child says that it is ready by printing one JSON line on standard output; what it logs goes to a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineagehub.errors import LineageHubError

PR_SET_PDEATHSIG = 1
FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A child that ran this long begins again with the shortest backoff."""


class ChildFailed(LineageHubError):
    """A child ended before it was ready. `exit_code` is its own, the message ends with the last line of its log."""

    def __init__(self, name: str, exit_code: int, last_line: str) -> None:
        super().__init__(f"{name} ended with exit code {exit_code}: {last_line or 'it logged nothing'}")
        self.exit_code = exit_code


@dataclass
class Child:
    """One supervised process. `prints_ready`: it prints a JSON line when ready; otherwise it is ready once started."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_path: Path
    prints_ready: bool = True
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    started_at: float = field(default=0.0)

    @property
    def pid(self) -> int:
        """Process id of the present life; 0 before the first."""
        return self.process.pid if self.process else 0

    async def start(self, ready_seconds: float) -> dict[str, Any]:
        """Start it and wait until it is ready; return what it printed. Raises ChildFailed; TimeoutError counts as failed."""
        with self.log_path.open("ab") as log_file:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self.prints_ready else log_file,
                stderr=log_file,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        self.started_at = time.monotonic()
        if not self.prints_ready:
            return {}
        try:
            async with asyncio.timeout(ready_seconds):
                line = await self._first_line()
        except TimeoutError as error:
            await self.kill()
            raise ChildFailed(self.name, -1, f"it was not ready within {ready_seconds:g} s") from error
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise ChildFailed(self.name, await self.process.wait(), self.last_log_line()) from error
        return ready

    @property
    def is_running(self) -> bool:
        """Whether its present life goes on."""
        return self.process is not None and self.process.returncode is None

    async def wait(self) -> int:
        """Wait for the end of the present life; return the exit code (negative: the signal)."""
        assert self.process is not None
        return await self.process.wait()

    async def stop(self, grace_seconds: float) -> None:
        """Send SIGTERM and wait; SIGKILL after the grace. May be repeated."""
        if self.process is None or not self.is_running:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Send SIGKILL and wait."""
        if self.process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    def next_backoff(self) -> float:
        """Return how long to wait before the next restart, in seconds: doubling, from 0.2 to 10."""
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.restarts = 0
        self.restarts += 1
        return float(min(FIRST_BACKOFF_SECONDS * 2 ** (self.restarts - 1), LONGEST_BACKOFF_SECONDS))

    def last_log_line(self) -> str:
        """Return the last line that it logged, or an empty text."""
        try:
            lines = self.log_path.read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        return lines[-1][:500] if lines else ""

    async def _first_line(self) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        return await self.process.stdout.readline()


def _die_with(parent: int) -> Callable[[], None] | None:
    """Return what a child runs before exec so that the kernel kills it when `parent` dies (Linux); None elsewhere."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def set_parent_death_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return set_parent_death_signal
