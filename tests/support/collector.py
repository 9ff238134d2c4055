"""The real OpenTelemetry Collector and telemetrygen, each in a process of its own.

Built by `make collector`, which prints the variables that name them. Without them the tests skip and say so; in CI that is a
failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.broker import HOST, free_port
from tests.support.hub import clean_environment
from tests.support.kafka import die_with_parent
from tests.support.missing import skip_or_fail
from tests.support.waiting import wait_until

OTELCOL = "LINEAGEHUB_TEST_OTELCOL"
TELEMETRYGEN = "LINEAGEHUB_TEST_TELEMETRYGEN"
START_SECONDS = 30
STOP_SECONDS = 30
GENERATE_SECONDS = 60

ANY_PORT = f"{HOST}:0"

SIGNALS = ("traces", "metrics", "logs")
GENERATED = {
    "otel_traces": 200,
    "otel_metrics_gauge": 25,
    "otel_metrics_sum": 25,
    "otel_metrics_histogram": 25,
    "otel_metrics_exponential_histogram": 25,
    "otel_logs": 100,
}
"""What `generate` sends: items by the table that they end in."""

_GENERATIONS = (
    ("traces", "--traces", "50", "--child-spans", "3"),
    *(
        ("metrics", "--metrics", "25", "--metric-type", kind)
        for kind in ("Gauge", "Sum", "Histogram", "ExponentialHistogram")
    ),
    ("logs", "--logs", "100"),
)


def program(variable: str) -> str:
    """Return the path that the environment variable names; skip the test, or fail in CI, if it names none."""
    path = os.environ.get(variable, "")
    if not path:
        skip_or_fail(f"{variable} names no program; `make collector` builds it and prints what to set")
    return path


@dataclass
class Collector:
    """One life of the Collector. `endpoint`: host:port of its OTLP/HTTP receiver, if its configuration has one."""

    process: subprocess.Popen[bytes]
    endpoint: str
    log_path: Path

    def log(self) -> str:
        """Return what it logged so far."""
        return self.log_path.read_text(errors="replace")

    def stop(self) -> int:
        """Stop it as a supervisor does, so that it sends what it still has; return the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def start_collector(
    directory: Path, configuration: dict[str, Any], base: Path | None = None, **variables: str
) -> Iterator[Collector]:
    """Start it and wait until it is ready; stop it at the end.

    `configuration` is laid over the file `base`, and whatever listens in either does so on a free port of loopback.
    `variables` are environment variables that they name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    endpoint, log_path, path = f"{HOST}:{free_port()}", directory / "collector.log", directory / "collector.yaml"
    # JSON is YAML.
    path.write_text(json.dumps(_listening(configuration, endpoint)))
    files = [base, path] if base else [path]
    command = [program(OTELCOL), *(f"--config={file}" for file in files)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=clean_environment() | variables, preexec_fn=die_with_parent
        )
    collector = Collector(process, endpoint, log_path)

    def is_ready() -> bool:
        assert process.poll() is None, collector.log()[-3000:]
        return "Everything is ready" in collector.log()

    try:
        wait_until(is_ready, START_SECONDS, f"the Collector to be ready: {log_path}")
        yield collector
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def generate(endpoint: str, service: str, api_key: str = "") -> None:
    """Send GENERATED with telemetrygen by OTLP/HTTP to host:port; return once all of it was answered with success."""
    for arguments in _GENERATIONS:
        command = [program(TELEMETRYGEN), *arguments, "--rate=0", f"--service={service}"]
        command += ["--otlp-http", "--otlp-insecure", f"--otlp-endpoint={endpoint}"]
        if api_key:
            command.append(f'--otlp-header=Authorization="Bearer {api_key}"')
        result = subprocess.run(
            command, env=clean_environment(), capture_output=True, text=True, timeout=GENERATE_SECONDS
        )
        assert result.returncode == 0, result.stderr[-2000:]


def pipelines(receiver: str, exporter: str) -> dict[str, Any]:
    """Return the pipelines of all signals, from one receiver to one exporter."""
    return {signal: {"receivers": [receiver], "exporters": [exporter]} for signal in SIGNALS}


def _listening(configuration: dict[str, Any], endpoint: str) -> dict[str, Any]:
    protocols = {"http": {"endpoint": endpoint}, "grpc": {"endpoint": ANY_PORT}}
    return {
        **configuration,
        "receivers": {"otlp": {"protocols": protocols}} | configuration.get("receivers", {}),
        "extensions": {"health_check": {"endpoint": ANY_PORT}},
        # Its own metrics would be served on a fixed port.
        "service": {"telemetry": {"metrics": {"level": "none"}}} | configuration.get("service", {}),
    }
