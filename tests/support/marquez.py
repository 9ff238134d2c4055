"""A strict double of Marquez 0.51.1's lineage route, answering as the real one was measured to. Marquez itself is on no registry."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class MarquezDouble:
    """The events it took (201), in order, and the statuses to answer next instead."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)


@contextlib.contextmanager
def start_marquez_double() -> Iterator[MarquezDouble]:
    """Start one on a free port."""
    double = MarquezDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = self._answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _answer(self, body: bytes) -> tuple[int, bytes]:
            if self.path != "/api/v1/lineage":
                return 404, b""
            if double.failures:
                return double.failures.pop(0), b"<html>Server Error</html>"
            try:
                event = json.loads(body)
            except ValueError:
                return 500, b'{"code":400,"message":"Unable to process JSON"}'
            if "eventTime" not in event or ("job" not in event and "dataset" not in event):
                return 422, b'{"errors":["eventTime must not be null"]}'
            double.events.append(event)
            return 201, b""

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 the base class' name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
