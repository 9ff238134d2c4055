"""The load generator: a closed loop of POSTs on some connections, in a process of its own (`python -m tests.bench.load`).

Reads its orders as one JSON object from standard input, prints what it saw as another. It speaks just enough HTTP/1.1 to
cost little, as it shares the machine with what is measured. An answer that is not 200 is counted and not sent again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop

from tests.bench.spans import trace_requests

DISTINCT_BODIES = 32
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Orders:
    """What to send: where, with which key, how large, on how many connections, for how long."""

    url: str
    api_key: str
    spans: int
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back. Latencies are from the request's first byte to the answer's last, in milliseconds."""

    acknowledged_spans: int
    refused_requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_refusal: str


def generate(orders: Orders) -> Seen:
    """Run the generator in a process of its own, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(orders)).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=orders.seconds + 60,
    )
    return Seen(**json.loads(done.stdout))


@dataclass
class _Tally:
    stop_at: float
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    first_refusal: str = ""


class _Connection(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next until the time is up."""

    def __init__(self, requests: list[bytes], first: int, tally: _Tally) -> None:
        self._requests = requests
        self._next = first
        self._tally = tally
        self._received = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end:
            return
        lowered = head.lower()
        place = lowered.index(_LENGTH) + len(_LENGTH)
        if len(body) < int(lowered[place:].split(b"\r\n", 1)[0]):
            return
        now = time.perf_counter()
        if head.startswith(b"HTTP/1.1 200"):
            self._tally.latencies.append(now - self._sent_at)
        else:
            self._tally.refused += 1
            self._tally.first_refusal = self._tally.first_refusal or repr(self._received[:300])
        self._received = b""
        if now < self._tally.stop_at:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


async def _run(orders: Orders) -> Seen:
    where = urlsplit(orders.url)
    assert where.hostname is not None
    assert where.port is not None
    requests = [_request(orders, where.netloc, body) for body in trace_requests(orders.spans, DISTINCT_BODIES)]
    began = time.perf_counter()
    tally = _Tally(began + orders.seconds)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(partial(_Connection, requests, number, tally), where.hostname, where.port))[1]
        for number in range(orders.connections)
    ]
    await asyncio.gather(*(connection.done for connection in connections))
    seconds = time.perf_counter() - began
    ordered = sorted(tally.latencies)
    return Seen(
        acknowledged_spans=len(ordered) * orders.spans,
        refused_requests=tally.refused,
        seconds=seconds,
        p50_ms=_quantile(ordered, 0.5) * 1000,
        p99_ms=_quantile(ordered, 0.99) * 1000,
        first_refusal=tally.first_refusal,
    )


def _request(orders: Orders, host: str, body: bytes) -> bytes:
    """Return the bytes of one request, with the headers that the OpenTelemetry Python SDK sends."""
    head = (
        "POST /v1/traces HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "User-Agent: OTel-OTLP-Exporter-Python/1.45.2\r\n"
        "Accept-Encoding: gzip, deflate\r\n"
        "Accept: */*\r\n"
        "Connection: keep-alive\r\n"
        "Content-Type: application/x-protobuf\r\n"
        f"Authorization: Bearer {orders.api_key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def main() -> None:
    """Read the orders, run, print what was seen."""
    print(json.dumps(asdict(uvloop.run(_run(Orders(**json.load(sys.stdin)))))))


if __name__ == "__main__":
    main()
