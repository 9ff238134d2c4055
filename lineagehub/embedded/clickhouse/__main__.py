"""The process of the embedded ClickHouse: `python -m lineagehub.embedded.clickhouse --data DIR [--host H] [--port P]`.

Prints one JSON line, `{"url", "version"}`, when it listens. SIGTERM or SIGINT: accepts no more, finishes running statements within 10 s,
closes the data, exits 0; what still runs then is given up, as by a crash. May be killed at any time and started again on its data.
Exit codes: 75 the port is taken; 78 the data directory cannot be used, the address cannot be listened on, or chdb is not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import fcntl
import importlib.util
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from aiohttp import web

from lineagehub.embedded.clickhouse.compression import PIECE_BYTES
from lineagehub.embedded.clickhouse.engine import Engine
from lineagehub.embedded.clickhouse.errors import EngineError
from lineagehub.embedded.clickhouse.server import create_app

EXIT_TRY_AGAIN = 75
EXIT_CONFIGURATION = 78
LONGEST_LINE = 1 << 20
"""Bytes of a request line: a schema or a long query may stand in the URL."""
_PATTERN_CHARACTERS = frozenset("*?{}")


def main() -> None:
    """Parse the arguments, take the data directory, serve."""
    arguments = _parse_arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if importlib.util.find_spec("chdb") is None:
        _fail("chdb is not installed.", "Run: pip install 'lineagehub[embedded]'", EXIT_CONFIGURATION)
    data = arguments.data.resolve()
    lock = _take(data)
    _settle(data)
    run = asyncio.run
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop

        run = uvloop.run
    run(_serve(arguments, data))
    os.close(lock)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lineagehub.embedded.clickhouse", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Directory of the data; one process at a time.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8123, help="0 picks a free one.")
    parser.add_argument("--threads", type=int, default=8, help="Statements at once.")
    parser.add_argument("--ready-file", type=Path, help="Write the JSON line to this file, too.")
    parser.add_argument("--receive-seconds", type=float, default=30.0, help="How long a body may stand still.")
    parser.add_argument(
        "--shutdown-seconds", type=float, default=10.0, help="How long running statements may take to end."
    )
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace, data: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = Engine(arguments.threads)
    try:
        version = await engine.open()
    except EngineError as error:
        reason = " ".join(error.text.split())[:300]
        _fail(
            f"The data in {data} cannot be opened: {reason}",
            "Move them away, or choose another --data.",
            EXIT_CONFIGURATION,
        )
    runner = web.AppRunner(
        create_app(engine, arguments.receive_seconds),
        access_log=None,
        auto_decompress=False,
        read_bufsize=PIECE_BYTES,
        # aiohttp waits this long for handlers, and then as long again for those whose clients still send.
        shutdown_timeout=arguments.shutdown_seconds / 2,
        max_line_size=LONGEST_LINE,
    )
    await runner.setup()
    try:
        await _listen(runner, arguments, version)
        await stop.wait()
    finally:
        await runner.cleanup()
        if not engine.close():
            # A thread inside the engine cannot be interrupted, and Python would wait for it.
            print("Statements still ran after the shutdown time; they were given up.", file=sys.stderr, flush=True)
            os._exit(0)


async def _listen(runner: web.AppRunner, arguments: argparse.Namespace, version: str) -> None:
    host, port = arguments.host, arguments.port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            _fail(f"Port {port} is taken.", "Choose another with --port, or 0.", EXIT_TRY_AGAIN)
        reason = error.strerror or str(error)
        _fail(f"Cannot listen on {host}:{port}: {reason}.", "Choose another --host or --port.", EXIT_CONFIGURATION)
    host, port = runner.addresses[0][:2]
    address = f"[{host}]" if ":" in host else host
    line = json.dumps({"url": f"http://{address}:{port}", "version": version})
    if arguments.ready_file is not None:
        _write_whole(arguments.ready_file, line)
    print(line, flush=True)


def _write_whole(path: Path, line: str) -> None:
    """Write so that a reader finds either nothing or all of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(line + "\n")
    part.replace(path)


def _take(data: Path) -> int:
    if _PATTERN_CHARACTERS & set(str(data)):
        _fail(f"The directory {data} has *, ?, {{ or }} in its path.", "Choose another --data.", EXIT_CONFIGURATION)
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _fail(f"Another process serves {data}.", "Stop it, or choose another --data.", EXIT_CONFIGURATION)
    except OSError as error:
        _fail(f"The directory {data} cannot be used: {error.strerror}.", "Choose another --data.", EXIT_CONFIGURATION)
    return lock


def _settle(data: Path) -> None:
    """Make the process the same wherever it is started: in its data directory, in UTC.

    The engine keeps Protobuf schemas in the working directory, and takes a file there for a table of the database `default`.
    A server's clock is UTC, too, and clients believe the X-ClickHouse-Timezone header.
    """
    os.chdir(data)
    os.environ["TZ"] = "UTC"
    time.tzset()


def _fail(message: str, next_step: str, exit_code: int) -> NoReturn:
    print(f"{message} {next_step}", file=sys.stderr)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
