"""A tenant that sends far too much and partly garbage, in a process of its own (`python -m tests.bench.loud_tenant`).

Reads its orders as one line of JSON from standard input, prints an empty line when it begins, and, once its input ends, what became of
it all. It sends in an open loop, half of it over HTTP to each web in turn and half straight to Kafka; of every six seconds the last two
are garbage alone. It waits for nobody: what is refused is not sent again, and where a hundred requests are under way already, the next
is left out and counted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import aiohttp
import uvloop

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.broker.producer import Producer
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.errors import Retryable
from lineagehub.settings import KafkaSettings
from tests.bench.lineage_store import run_event
from tests.support.signing import Writer

TICK_SECONDS = 0.02
UNDER_WAY = 100
CYCLE_SECONDS, GARBAGE_SECONDS = 6.0, 2.0
STOP_SECONDS = 60
GARBAGE_BODIES = (
    b"{",
    b"\xff\xfe{}",
    b'{"eventType": "COMPLETE"}',
    b"[" * 10_000,
    json.dumps({"eventType": "BOGUS", "run": {"runId": "no UUID"}, "job": {}}).encode(),
)


@dataclass(frozen=True, slots=True)
class Orders:
    """Who sends where: events a second, all together, until standard input ends."""

    urls: list[str]
    brokers: str
    namespace: str
    api_key: str
    rate: float


@dataclass
class Seen:
    """What became of it. `statuses`: answers over HTTP, by status. Of the records on Kafka the unsigned ones are nobody's."""

    statuses: dict[str, int] = field(default_factory=dict)
    signed_records: int = 0
    unsigned_records: int = 0
    left_out: int = 0
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """Events that the web took."""
        return self.statuses.get("201", 0)

    @property
    def offered_a_second(self) -> float:
        """Events and garbage that were sent a second."""
        return (sum(self.statuses.values()) + self.signed_records + self.unsigned_records) / self.seconds


@contextmanager
def loud_tenant(orders: Orders) -> Iterator[Seen]:
    """Let it send while the block lasts; what it gives is filled in at the end. Once the block begins it sends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.loud_tenant"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
    process.stdin.flush()
    seen = Seen()
    try:
        assert process.stdout.readline() == b"\n", "the loud tenant did not begin"
        yield seen
        printed, _ = process.communicate(timeout=STOP_SECONDS)
        assert process.returncode == 0, f"the loud tenant ended with {process.returncode}"
        vars(seen).update(json.loads(printed))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class _Sender:
    def __init__(self, orders: Orders, client: aiohttp.ClientSession, producer: Producer) -> None:
        key = parse_api_key(orders.api_key)
        assert key is not None
        self._orders = orders
        self._client = client
        self._producer = producer
        self._writer = Writer.of_key(orders.namespace, key)
        self._headers = {"Authorization": f"Bearer {orders.api_key}", "Content-Type": "application/json"}
        self._under_way: set[asyncio.Task[None]] = set()
        self._number = 0
        self.seen = Seen()
        self.statuses: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event) -> Seen:
        began = time.monotonic()
        while not stop.is_set():
            elapsed = time.monotonic() - began
            is_garbage = elapsed % CYCLE_SECONDS >= CYCLE_SECONDS - GARBAGE_SECONDS
            while self._number < elapsed * self._orders.rate:
                self._begin(is_garbage)
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.gather(*self._under_way)
        self.seen.seconds = time.monotonic() - began
        self.seen.statuses = dict(self.statuses)
        return self.seen

    def _begin(self, is_garbage: bool) -> None:
        self._number += 1
        if len(self._under_way) >= UNDER_WAY:
            self.seen.left_out += 1
            return
        body = (
            GARBAGE_BODIES[self._number // 2 % len(GARBAGE_BODIES)]
            if is_garbage
            else run_event(f"{self._orders.namespace}-{self._number % 200}")
        )
        url = self._orders.urls[self._number // 2 % len(self._orders.urls)]
        sending = self._post(url, body) if self._number % 2 else self._produce(body, is_signed=self._number % 16 != 0)
        task = asyncio.create_task(sending)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _post(self, url: str, body: bytes) -> None:
        try:
            async with self._client.post(f"{url}/api/v1/lineage", data=body, headers=self._headers) as answer:
                await answer.read()
                self.statuses[str(answer.status)] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            self.statuses[type(error).__name__] += 1

    async def _produce(self, value: bytes, *, is_signed: bool) -> None:
        topic, now_ms = OPENLINEAGE_EVENTS.name, time.time_ns() // 1_000_000
        headers = self._writer.headers(topic, value, ContentKind.OPENLINEAGE, uuid.uuid4().hex, now_ms)
        try:
            await self._producer.send(topic, value, headers=headers if is_signed else [])
        except Retryable:
            self.statuses["kafka"] += 1
            return
        if is_signed:
            self.seen.signed_records += 1
        else:
            self.seen.unsigned_records += 1


async def _run(orders: Orders) -> Seen:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    connector = aiohttp.TCPConnector(limit=UNDER_WAY)
    timeout = aiohttp.ClientTimeout(30)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as client,
        Producer(KafkaSettings(brokers=orders.brokers)) as producer,
    ):
        print(flush=True)
        return await _Sender(orders, client, producer).run(stop)


def main() -> None:
    """Read the orders, send until standard input ends, print what was seen."""
    orders = Orders(**json.loads(sys.stdin.buffer.readline()))
    print(json.dumps(vars(uvloop.run(_run(orders)))))


if __name__ == "__main__":
    main()
