"""`lineagehub up`: the whole hub on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lineagehub.errors import ConfigurationError

if TYPE_CHECKING:
    from lineagehub.embedded.stack import StackOptions, StackReady


def command(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8080, min=0, max=65535, help="Port of the web; 0 picks a free one."),
    data: Path = typer.Option(Path(".lineagehub"), help="Directory that keeps keys and ClickHouse's data."),
    kafka: str = typer.Option("", metavar="HOST:PORT", help="A Kafka of yours instead of the embedded broker."),
    clickhouse: str = typer.Option("", metavar="URL", help="A ClickHouse of yours instead of the embedded one."),
    marquez: str = typer.Option("", metavar="URL", help="Also forward lineage to this Marquez."),
    json_output: bool = typer.Option(False, "--json", help="Print exactly one JSON line when ready."),
) -> None:
    """Example: lineagehub up --data ./hub"""
    from lineagehub.embedded.broker import broker_command
    from lineagehub.embedded.stack import StackOptions
    from lineagehub.settings import load_settings
    from lineagehub.telemetry.logs import configure_logging

    load_settings().require_loopback_when_open(host)
    _require_installed("lineagehub_agents", "pip install lineagehub-agents")
    if not clickhouse:
        _require_installed("chdb", "pip install 'lineagehub[embedded]'")
    if not kafka:
        broker_command(host, port)
    configure_logging("error", "up")
    sys.exit(asyncio.run(_run(StackOptions(host, port, data, kafka, clickhouse, marquez), json_output)))


async def _run(options: StackOptions, json_output: bool) -> int:
    from lineagehub.embedded.processes import ChildFailed
    from lineagehub.embedded.stack import Stack

    began = time.monotonic()
    stack = Stack(options, _tell)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        if not json_output:
            _tell("Starting broker, ClickHouse, web and agents…")
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return 130
        print(_ready_json(starting.result()) if json_output else _banner(starting.result(), options, began), flush=True)
        await stop.wait()
        _tell("Stopping: finishing requests, delivering what was accepted…")
        return 0
    except ChildFailed as failed:
        _tell(f"lineagehub: {failed}.\n  next: read the logs in {options.data / 'logs'}")
        return failed.exit_code if failed.exit_code > 0 else 1
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await stack.stop()


def _require_installed(module: str, install: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise ConfigurationError(f"{module} is not installed.", install)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _ready_json(ready: StackReady) -> str:
    return json.dumps(asdict(ready))


def _banner(ready: StackReady, options: StackOptions, began: float) -> str:
    from lineagehub import __version__

    broker = f"Kafka at {ready.kafka}" if options.kafka else "in memory: what is not yet delivered is lost when it dies"
    return f"""
LineageHub {__version__}    ready in {time.monotonic() - began:.1f} s    not for production: use compose.yaml or deploy/

  API docs    {ready.url}/docs
  Lineage     {ready.url}/api/v1/lineage
  Traces      {ready.url}/v1/traces
  Metrics     {ready.url}/metrics
  Kafka       {ready.kafka}    ({broker})
  ClickHouse  {ready.clickhouse}
  Storage     {options.data.absolute()}
  Namespace   {ready.namespace}
  API key     {ready.api_key}
  Operator    {ready.operator_key}

Next, in another terminal:

  export LINEAGEHUB_URL={ready.url} LINEAGEHUB_API_KEY={ready.api_key} LINEAGEHUB_KAFKA_BROKERS={ready.kafka}
  lineagehub demo

Ctrl-C stops everything."""
