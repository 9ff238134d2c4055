"""The embedded broker in a process of its own, for tests that need a real one: `with start_embedded_broker() as broker`.

`kill` is a broker that dies with all it holds; for one that is away for a while, put a proxy before it (proxy.py).
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from lineagehub.embedded.broker import broker_command
from lineagehub.settings import KafkaSettings
from tests.support.waiting import wait_until

HOST = "127.0.0.1"
START_SECONDS = 20


@dataclass
class EmbeddedBroker:
    """One broker, which `kill` ends and `start` begins again, empty, on the same port.

    Clients are told to come to `advertised_port`.
    """

    port: int
    advertised_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Bootstrap server, host:port."""
        return f"{HOST}:{self.advertised_port}"

    def settings(self, **others: object) -> KafkaSettings:
        """Return Kafka settings that lead here. It refuses aiokafka's idempotent producer."""
        return KafkaSettings.model_validate({"brokers": self.address, "idempotent": False, **others})

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = broker_command(HOST, self.port)
        command[command.index("--advertised-listener-url") + 1] = f"tcp://{self.address}"
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._listens, START_SECONDS, f"the embedded broker to listen on port {self.port}")

    def kill(self) -> None:
        """Kill it with -9, with all it holds. May be repeated."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the embedded broker ended with {self.process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            return True
        return False


@contextlib.contextmanager
def start_embedded_broker(advertised_port: int | None = None) -> Iterator[EmbeddedBroker]:
    """Start an empty broker on a free port; kill it at the end."""
    port = free_port()
    broker = EmbeddedBroker(port, advertised_port or port)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
