"""A running hub for tests: `lineagehub up --json` as a user starts it, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineagehub.contract.limits import Limits
from tests.support.limits import UNLIMITED
from tests.support.waiting import wait_until

START_SECONDS = 90
STOP_SECONDS = 90


@dataclass
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass
class Hub:
    """One life of `lineagehub up`. `ready` is the JSON line that it printed."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    data: Path

    @property
    def url(self) -> str:
        """Base URL of the web."""
        return str(self.ready["url"])

    @property
    def api_key(self) -> str:
        """The demo namespace's fresh key."""
        return str(self.ready["api_key"])

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send one request with the API key and return the answer; an error status is an answer, too."""
        request = urllib.request.Request(self.url + path, data=body, method=method)
        request.add_header("Authorization", f"Bearer {key or self.api_key}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def post_json(self, path: str, document: Any) -> Answer:
        """POST a JSON document."""
        return self.request("POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def get(self, path: str, **query: str) -> Answer:
        """GET a path with query parameters."""
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def rows(self, sql: str, **parameters: str) -> list[dict[str, Any]]:
        """Return the rows of a query on the hub's ClickHouse, past the hub: what is stored, not what is shown."""
        query = {
            "database": "lineagehub",
            "default_format": "JSONEachRow",
            "output_format_json_quote_64bit_integers": "0",
        }
        query |= {f"param_{name}": value for name, value in parameters.items()}
        url = self.ready["clickhouse"] + "/?" + urllib.parse.urlencode(query)
        with urllib.request.urlopen(url, data=sql.encode(), timeout=60) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def count(self, sql: str, **parameters: str) -> int:
        """Return the single number that a query gives."""
        return int(next(iter(self.rows(sql, **parameters)[0].values())))

    def agent_pid(self, name: str) -> int | None:
        """Return the process id of a running agent, or None while it does not run."""
        return self.child_pid("agent", name)

    def child_pid(self, *words: str) -> int | None:
        """Return the process id of the running child that has these words in its command, or None while there is none.

        `ready` names those of the start: since then a test may have killed one.
        """
        for pid in children_of(self.process.pid):
            with contextlib.suppress(FileNotFoundError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if all(word.encode() in command for word in words):
                    return pid
        return None

    def lift_limits(self) -> None:
        """Give the demo namespace limits that no test reaches."""
        self.set_limits(UNLIMITED)

    def set_limits(self, limits: Limits) -> None:
        """Give the demo namespace these limits."""
        body, key = limits.model_dump_json(exclude_none=True).encode(), str(self.ready["operator_key"])
        path = f"/api/v1/namespaces/{self.ready['namespace']}/limits"
        answer = self.request("PUT", path, body, {"Content-Type": "application/json"}, key)
        assert answer.status == 200, answer

    def stop(self) -> int:
        """Stop as Ctrl-C does; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill with -9, as a crash would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def log(self, name: str) -> str:
        """Return what a child logged."""
        path = self.data / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def up_command(data: Path, *arguments: str) -> list[str]:
    """Return the command line of a hub on free ports."""
    return [sys.executable, "-m", "lineagehub", "up", "--json", "--port", "0", "--data", str(data), *arguments]


@contextlib.contextmanager
def start_hub(data: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Hub]:
    """Start a hub and wait until it is ready; stop it at the end, whatever happened. `settings` go into its environment."""
    environment = clean_environment() | dict(settings or {})
    process = subprocess.Popen(up_command(data, *arguments), stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"lineagehub up ended with {process.wait(10)} before it was ready"
        yield Hub(process, json.loads(line), data)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `lineagehub` to its end, as a user does; `environment` is added to a clean one."""
    return subprocess.run(
        [sys.executable, "-m", "lineagehub", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment() | environment,
    )


def clean_environment() -> dict[str, str]:
    """Return the environment without anything that configures a hub or a client, nor a word of pytest, which would silence the SDK.

    Clients keep nothing on disk.
    """
    prefixes = ("LINEAGEHUB_", "LINEAGE_HUB_", "OPENLINEAGE", "OTEL_", "PYTEST_VERSION")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return environment | {"LINEAGEHUB_SPOOL_SIZE": "0"}


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def wait_dead(pids: list[int], deadline_seconds: float) -> None:
    """Wait until none of these processes runs."""
    wait_until(lambda: not any(map(is_alive, pids)), deadline_seconds, f"processes {pids} to be gone")
