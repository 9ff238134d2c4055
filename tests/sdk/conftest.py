"""A strict double of the hub's ingest route, which answers as the hub does, and a clean SDK for each test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk import _client, _guard
from lineagehub_sdk.transports.memory import MemoryTransport


@dataclass
class HubDouble:
    """What was received, and what to answer next: (status, headers); without an entry a receipt."""

    url: str
    requests: list[tuple[dict[str, str], list[dict[str, Any]]]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was answered with a receipt."""
        return [event for _, events in self.requests for event in events]


@pytest.fixture
def hub_double() -> Iterator[HubDouble]:
    """A running double."""
    double = HubDouble("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/api/v1/lineage/ingest"
            if double.answers:
                status, headers = double.answers.pop(0)
                answer = b"{}"
            else:
                events = json.loads(body)["events"]
                double.requests.append((dict(self.headers), events))
                status, headers = 200, {}
                receipt = {"accepted": len(events), "rejected": 0, "errors": [], "namespace": "demo"}
                answer = json.dumps(receipt).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 the base class' name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    yield double
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _clean_sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("LINEAGEHUB_STRICT", raising=False)
    _guard._reported.clear()
    yield
    _client._current = None
    _client._clients.clear()


@pytest.fixture
def memory() -> Iterator[list[dict[str, Any]]]:
    """The SDK on the memory transport; flush before looking."""
    MemoryTransport.events.clear()
    sdk.configure(transport="memory", flush_interval=0.01)
    yield MemoryTransport.events
    MemoryTransport.events.clear()
