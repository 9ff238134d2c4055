"""A strict double of the hub's routes, which answers as the hub does, and a clean SDK for each test."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk import _client, _guard
from lineagehub_sdk._delivery import attempts, spool
from lineagehub_sdk._lineage import propagation
from lineagehub_sdk._telemetry import otel
from lineagehub_sdk.transports.memory import MemoryTransport

from tests.support.hub import clean_environment

PREFIXES = ("LINEAGEHUB_", "LINEAGE_HUB_", "OPENLINEAGE", "OTEL_", "TRACEPARENT")


@dataclass
class Scripted:
    """An answer in place of the receipt."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass
class HubDouble:
    """What was received, and what to answer next: a scripted answer, without one a receipt."""

    url: str = ""
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """Headers (names in lower case) and body of each request that was answered with a receipt."""
    span_requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    metric_requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    log_requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[Scripted] = field(default_factory=list)
    asked: int = 0
    connections: int = 0
    closes_silently: bool = False
    """Whether it closes the connection after each answer without saying so, as a server does with an idle one."""
    answering: threading.Event = field(default_factory=threading.Event)
    """Cleared: requests wait for their answers."""
    takes_gzip: bool = True
    absent: bool = False
    """Whether it closes connections without an answer, as if nobody were there."""
    refused_names: set[str] = field(default_factory=set)
    """A body with an event of such a job is refused as a whole."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was answered with a receipt."""
        return [event for _, body in self.requests for event in body["events"]]

    @property
    def names(self) -> list[str]:
        """The job names of the events."""
        return [event["job"]["name"] for event in self.events]

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Scripted:
        """Answer one request."""
        self.asked += 1
        telemetry = {
            "/v1/traces": self.span_requests,
            "/v1/metrics": self.metric_requests,
            "/v1/logs": self.log_requests,
        }
        if path in telemetry:
            telemetry[path].append((headers, body))
            return Scripted(200, {"Content-Type": "application/x-protobuf"}, b"")
        assert path == "/api/v1/lineage/ingest"
        if self.answers:
            return self.answers.pop(0)
        if headers.get("content-encoding") == "gzip":
            if not self.takes_gzip:
                return Scripted(415, {}, b'{"detail": "The Content-Encoding is not known."}')
            body = gzip.decompress(body)
        document = json.loads(body)
        events = document["events"]
        if self.refused_names.intersection(event["job"]["name"] for event in events):
            return Scripted(422, {}, b'{"detail": "The envelope is wrong."}')
        self.requests.append((headers, document))
        errors = [
            {"index": index, "reason": "schema_invalid", "detail": "The event is wrong."}
            for index, event in enumerate(events)
            if event["job"]["name"] == "invalid"
        ]
        receipt = {
            "accepted": len(events) - len(errors),
            "rejected": len(errors),
            "errors": errors,
            "namespace": "demo",
        }
        return Scripted(200, {"Content-Type": "application/json"}, json.dumps(receipt).encode())


@pytest.fixture
def hub_double() -> Iterator[HubDouble]:
    """A running double."""
    double = HubDouble()
    double.answering.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            double.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            double.answering.wait(60)
            if double.absent:
                self.close_connection = True
                return
            answer = double.answer(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = double.closes_silently

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 the base class' name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    yield double
    double.answering.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _clean_sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
    # These are tests of the client itself, also of what leaves the process.
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    _guard._reported.clear()
    propagation.from_environment.cache_clear()
    yield
    for client in list(_client._clients):
        # What one test leaves must not come to the next one's memory.
        client.close(10 if client.config.effective_transport == "memory" else 0)
    _client._current = None
    _client._clients.clear()
    otel.use_tracers(None)
    otel.use_metrics(None)
    otel.set_up_on_demand(None)
    _guard.log.setLevel(logging.NOTSET)
    _guard.log.handlers.clear()


@dataclass(frozen=True)
class Spooling:
    """What processes of one user have in common: a hub and a place for their spools."""

    hub: HubDouble
    state: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that spools."""
        spool = {"XDG_STATE_HOME": str(self.state), "LINEAGEHUB_SPOOL_SIZE": "100000000"}
        return clean_environment() | spool | {"LINEAGEHUB_URL": self.hub.url, "LINEAGEHUB_API_KEY": "lh_key"}

    def start(self, code: str, **environment: str) -> subprocess.Popen[str]:
        """Start a script in a process of its own; its output and its log are one text."""
        command = [sys.executable, "-W", "ignore", "-c", code]
        return subprocess.Popen(
            command, env=self.environment | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, code: str, **environment: str) -> str:
        """Run a script to its end; return its output and its log. Fails when the script does."""
        with self.start(code, **environment) as process:
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output

    def files(self, suffix: str = "") -> list[Path]:
        """The files of the spools, by age."""
        return sorted(path for path in self.state.rglob(f"*{suffix}") if path.is_file())

    def waiting(self) -> int:
        """How many events wait on disk."""
        return sum(status.events for status in spool.spool_status(str(self.state / "lineagehub" / "spool")))


@pytest.fixture
def spooling(hub_double: HubDouble, tmp_path: Path) -> Spooling:
    """A hub that is away, and a place for spools, of this process too."""
    hub_double.absent = True
    return Spooling(hub_double, tmp_path / "state")


@pytest.fixture
def memory() -> Iterator[list[dict[str, Any]]]:
    """The SDK on the memory transport; flush before looking."""
    MemoryTransport.events.clear()
    sdk.configure(transport="memory", flush_interval=0.01)
    yield MemoryTransport.events
    # What a test did not wait for must not come among the next one's.
    sdk.flush(10)
    MemoryTransport.events.clear()


@pytest.fixture
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pauses short where the other side names none."""
    monkeypatch.setattr(attempts, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(attempts, "LONGEST_BACKOFF_SECONDS", 0.02)


def complaints(result: subprocess.CompletedProcess[str]) -> list[str]:
    """What a script said, but for the line that a slow machine makes it say."""
    return [line for line in result.stderr.splitlines() if not line.startswith("lineagehub: sending ")]
