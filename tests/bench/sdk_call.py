"""sdk_call: what the SDK costs a pipeline: a decorated call by what the hub does, a tight loop, a full queue, a whole run without a hub.

Every round is a process of its own, which measures itself and prints JSON. The hub is a process beside it that takes what it is sent
(up), takes 0.2 s for each answer (slow), accepts connections and never answers (black hole), or is not there (down). Calls are
0.5 ms of work apart, as in a pipeline; each is timed by itself. Ratios and CPU times are the steadier figures on a busy machine.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.results import Measurement
from tests.support.broker import free_port
from tests.support.hub import clean_environment
from tests.support.waiting import wait_until

TURN_SECONDS = 0.2
HUBS = ("up", "down", "slow", "black-holed")

IMPORT = """
import json, sys, time
before = set(sys.modules)
began, cpu = time.perf_counter(), time.process_time()
import lineagehub_sdk
took, cpu = time.perf_counter() - began, time.process_time() - cpu
new = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(json.dumps({"import_ms": took * 1e3, "import_cpu_ms": cpu * 1e3, "third_party_modules": len(new - {"lineagehub_sdk"})}))
"""

TRACKED = """
import json, sys, time
from lineagehub_sdk import _client, flush, lineage_track

def work():
    pass

tracked = lineage_track("benchmark", inputs=["s3://raw/orders"], outputs=["postgres://db:5432/shop.public.orders"])(work)

def busy(seconds):
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        pass

def client():
    return _client.current_client()
"""

CALL = (
    TRACKED
    + """
calls = int(sys.argv[1])
took = []
for number in range(calls + 100):
    busy(0.0005)
    began = time.perf_counter_ns()
    tracked()
    took.append(time.perf_counter_ns() - began)
took = sorted(took[100:])
print(json.dumps({
    "p50_us": took[calls // 2] / 1e3,
    "p99_us": took[calls * 99 // 100] / 1e3,
    "p999_us": took[calls * 999 // 1000] / 1e3,
    "dropped": client().dropped,
}))
sys.stdout.flush()
"""
)

TIGHT = (
    TRACKED
    + """
calls = int(sys.argv[1])
tracked()
began, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
for _ in range(calls):
    tracked()
took, own = time.perf_counter() - began, time.thread_time() - own
assert flush(60)
arrived = time.perf_counter() - began
print(json.dumps({
    "caller_cpu_us_per_call": own / calls * 1e6,
    "events_per_second": 2 * calls / took,
    "arrived_per_second": 2 * calls / arrived,
    "cpu_us_per_event": (time.process_time() - cpu) / calls / 2 * 1e6,
    "dropped": client().dropped,
}))
"""
)

MEMORY = (
    TRACKED
    + """
import resource
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
for _ in range(10):
    tracked()
time.sleep(1)
before = rss()
while not client().dropped:
    tracked()
full = rss()
time.sleep(3)
print(json.dumps({"waiting": client().in_memory, "queue_mib": full - before, "encoded_mib": rss() - before}))
"""
)

PIPELINE = (
    TRACKED
    + """
calls, decorated = int(sys.argv[1]), sys.argv[2] == "decorated"
def step(loops=int(sys.argv[3])):
    for _ in range(loops):
        pass
    time.sleep(0.003)
if decorated:
    step = lineage_track("benchmark", inputs=["s3://raw/orders"], outputs=["postgres://db:5432/shop.public.orders"])(step)
for _ in range(calls):
    step()
"""
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how often."""

    broker: str = "none"
    rounds: int = 5
    calls: int = 5_000
    pipeline_calls: int = 10_000


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, cases interleaved."""
    measurements: list[Measurement] = []
    for _ in range(parameters.rounds):
        measurements.append(_round("import", 1, IMPORT, {}, []))
        for hub in HUBS:
            with _hub(hub) as environment:
                arguments = [str(parameters.calls)]
                measurements.append(_round(f"a call, hub {hub}", parameters.calls, CALL, environment, arguments))
        with _hub("up") as environment:
            arguments = [str(4 * parameters.calls)]
            measurements.append(_round("tight loop, hub up", 4 * parameters.calls, TIGHT, environment, arguments))
        with _hub("black-holed") as environment:
            memory = {**environment, "LINEAGEHUB_SPOOL_SIZE": "0"}
            measurements.append(_round("full queue, no spool", 1, MEMORY, memory, []))
        measurements.append(_pipeline(parameters.pipeline_calls))
    return measurements


def _pipeline(calls: int) -> Measurement:
    """A whole process with the hub down, from its start to its end, against the same one undecorated.

    They take turns, a fifth of a second each, and are stopped in between: what else the machine does slows both alike.
    """
    loops = _loops_of_two_milliseconds()
    with _hub("down") as environment:
        running = {
            kind: _Turns(_start(PIPELINE, environment, [str(calls), kind, str(loops)]))
            for kind in ("undecorated", "decorated")
        }
        try:
            while sum(one.take() for one in running.values()):
                pass
        finally:
            for one in running.values():
                one.kill()
    plain, decorated = running["undecorated"], running["decorated"]
    return Measurement(
        "pipeline, hub down",
        calls,
        {
            "undecorated_s": plain.seconds,
            "decorated_s": decorated.seconds,
            "longer_by_percent": (decorated.seconds / plain.seconds - 1) * 100,
            "cpu_us_per_call": (decorated.cpu_seconds - plain.cpu_seconds) / calls * 1e6,
        },
    )


class _Turns:
    """A process that runs when it is its turn, and how long it has run."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGSTOP)
        self._process = process
        self._ended = os.pidfd_open(process.pid)
        self.seconds = self.cpu_seconds = 0.0

    def kill(self) -> None:
        """End it, if it has not ended: stopped, it would outlive the benchmark."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()

    def take(self) -> bool:
        """Let it run for TURN_SECONDS, or to its end; return whether it goes on. Raises AssertionError when it fails."""
        if self._process.returncode is not None:
            return False
        began = time.perf_counter()
        self._process.send_signal(signal.SIGCONT)
        ended, _, _ = select.select([self._ended], [], [], TURN_SECONDS)
        if not ended:
            self._process.send_signal(signal.SIGSTOP)
        self.seconds += time.perf_counter() - began
        if ended:
            _, status, usage = os.wait4(self._process.pid, 0)
            os.close(self._ended)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_seconds = usage.ru_utime + usage.ru_stime
            assert self._process.returncode == 0, "the pipeline failed"
        return not ended


def _loops_of_two_milliseconds() -> int:
    """How often a loop runs in 2 ms of CPU time: the work of a call is the same in both runs, whatever else the machine does."""
    # In a function, as the pipeline's is: a loop of a module takes half as long again.
    script = """
import time
def loop():
    began = time.process_time()
    for _ in range(5_000_000):
        pass
    return time.process_time() - began
print(5_000_000 * 0.002 / loop())
"""
    return int(float(_run(script, {}, [])))


def _round(case: str, items: int, script: str, environment: dict[str, str], arguments: list[str]) -> Measurement:
    values: dict[str, Any] = json.loads(_run(script, environment, arguments).splitlines()[-1])
    assert not values.get("dropped") or "queue" in case, f"{case}: events were dropped"
    return Measurement(case, items, {name: float(value) for name, value in values.items()})


def _run(script: str, environment: dict[str, str], arguments: list[str]) -> str:
    process = _start(script, environment, arguments)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, f"it ended with {process.returncode}"
    return output


def _start(script: str, environment: dict[str, str], arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=clean_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextmanager
def _hub(kind: str) -> Iterator[dict[str, str]]:
    """A hub of a kind; yields the environment of those who send to it, with a spool of their own."""
    port = free_port()
    process = (
        None if kind == "down" else subprocess.Popen([sys.executable, "-m", "tests.bench.sdk_hub", kind, str(port)])
    )
    try:
        if process is not None:
            wait_until(lambda: _listens(port), 20, "the hub to listen")
        with tempfile.TemporaryDirectory() as state:
            yield {
                "LINEAGEHUB_URL": f"http://127.0.0.1:{port}",
                "LINEAGEHUB_API_KEY": "lh_key",
                "LINEAGEHUB_SPOOL_SIZE": str(256 * 1024 * 1024),
                "LINEAGEHUB_FLUSH_TIMEOUT": "1",
                "XDG_STATE_HOME": state,
            }
    finally:
        if process is not None:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    table = Path("/proc/net/tcp").read_text()
    return f":{port:04X} 00000000:0000 0A" in table
