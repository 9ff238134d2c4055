"""Real Apache Kafka 4 for tests: KRaft, one node, jars from Maven Central, no containers; one with authentication: secured_kafka.py.

Needs Java 17 and Maven. Where they are missing the tests skip and say so; in CI that is a failure.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.missing import skip_or_fail
from tests.support.waiting import wait_until

VERSION = "4.3.1"
POM = Path(__file__).with_name("kafka_pom.xml")
JARS = Path(os.environ.get("LINEAGEHUB_TEST_KAFKA_HOME", Path.home() / ".cache" / "lineagehub" / f"kafka-{VERSION}"))
START_SECONDS = 120
MAVEN_SECONDS = 900
CLUSTER_ID = "lineagehub-test-cluster"
"""Of every node: each is a cluster of its own, and making a random one costs a start of Java."""

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={directory}/data
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


class KafkaMissing(RuntimeError):
    """Java, Maven or the jars are not to be had; the message says which."""


@dataclass
class Kafka:
    """One node. It keeps its data and its port when it is started again. `process_environment` is added to the tests' own."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    process_environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        """host:port of the broker."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the present life."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self.directory / "kafka.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_java("-Xms256m", "-Xmx512m"), "kafka.Kafka", str(self.directory / "server.properties")],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
                env=os.environ | self.process_environment,
            )
        wait_until(self._answers, START_SECONDS, f"Kafka on port {self.port}: {self.directory / 'kafka.log'}")

    def kill(self) -> None:
        """Kill it with -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_SECONDS)

    def restart(self) -> None:
        """Start it again after `kill`."""
        self.start()

    def stop(self) -> None:
        """Stop it; kill it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "kafka.log").read_text()[-2000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def start_kafka(directory: Path, environment: Mapping[str, str] | None = None) -> Iterator[Kafka]:
    """Start a fresh node in `directory`; stop it at the end. Raises KafkaMissing."""
    port, controller = free_ports(2)
    format_node(directory, PROPERTIES.format(port=port, controller=controller, directory=directory))
    kafka = Kafka(directory, port, process_environment=environment or {})
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.stop()


@contextlib.contextmanager
def kafka_or_skip(directory: Path, environment: Mapping[str, str] | None = None) -> Iterator[Kafka]:
    """Start Kafka, or skip with the reason; in CI, or with LINEAGEHUB_REQUIRE_REAL=1, fail instead."""
    jars_or_skip()
    with start_kafka(directory, environment) as kafka:
        yield kafka


def jars_or_skip() -> None:
    """Fetch the jars, or skip with the reason; in CI, or with LINEAGEHUB_REQUIRE_REAL=1, fail instead."""
    try:
        _fetch_jars()
    except KafkaMissing as missing:
        skip_or_fail(str(missing))


def format_node(directory: Path, properties: str, *arguments: str) -> None:
    """Write the properties of a node and format its log directories; `arguments` go to StorageTool. Raises KafkaMissing."""
    _fetch_jars()
    path = directory / "server.properties"
    path.write_text(properties)
    run_tool("kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c", str(path), *arguments)


def run_tool(main_class: str, *arguments: str) -> str:
    """Run one of Kafka's own commands, by the class behind its script; return what it printed."""
    done = subprocess.run([*_java(), main_class, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _fetch_jars() -> None:
    if any(JARS.glob("kafka_2.13-*.jar")):
        return
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise KafkaMissing(f"Apache Kafka needs {program}, which is not installed (Java 17 and Maven are enough).")
    JARS.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"],
        capture_output=True,
        text=True,
        timeout=MAVEN_SECONDS,
    )
    if result.returncode:
        raise KafkaMissing(f"Maven could not fetch Kafka {VERSION}: {(result.stdout + result.stderr)[-500:]}")


def _java(*options: str) -> list[str]:
    return ["java", *options, "-cp", f"{JARS}/*"]


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on."""
    # All are held at once: one after the other, they can be the same.
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def die_with_parent() -> None:
    """Between fork and exec: the process is killed when its parent is gone, however that ended."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
