"""The process of the embedded ClickHouse: `python -m lineagehub.embedded.clickhouse --data DIR [--host H] [--port P]`.

Prints one JSON line, `{"url", "version"}`, when it listens. SIGTERM or SIGINT: running statements are finished (10 s), then exit 0.
Exit codes: 75 the port is taken; 78 the data directory cannot be used, or chdb is not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import fcntl
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from aiohttp import web

from lineagehub.embedded.clickhouse.errors import EngineError
from lineagehub.embedded.clickhouse.server import LONGEST_LINE, SHUTDOWN_SECONDS, create_app
from lineagehub.embedded.clickhouse.sessions import Sessions

EXIT_TRY_AGAIN = 75
EXIT_CONFIGURATION = 78


def main() -> None:
    """Parse the arguments, take the data directory, serve."""
    parser = argparse.ArgumentParser(prog="python -m lineagehub.embedded.clickhouse", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Directory of the data; one process at a time.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8123, help="0 picks a free one.")
    parser.add_argument("--threads", type=int, default=8, help="Statements at once.")
    arguments = parser.parse_args()
    try:
        import chdb  # noqa: F401 is it there at all?
    except ImportError:
        _fail("chdb is not installed.", "pip install 'lineagehub[embedded]'", EXIT_CONFIGURATION)
    arguments.data = arguments.data.absolute()
    lock = _take(arguments.data)
    # The engine keeps schemas given in a statement under ./__cache__: that belongs to the data, not to wherever we were started.
    os.chdir(arguments.data)
    try:
        asyncio.run(_serve(arguments))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _fail(f"Port {arguments.port} is taken.", "Choose another with --port, or 0.", EXIT_TRY_AGAIN)
    except EngineError as error:
        _fail(
            f"The data in {arguments.data} cannot be opened: {error.text[:300]}",
            "Choose another --data.",
            EXIT_CONFIGURATION,
        )
    finally:
        os.close(lock)


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sessions = Sessions(arguments.data / "chdb", arguments.threads)
    version = (await sessions.query("SELECT version()", "TabSeparated", "", {}, {})).data.decode().strip()
    runner = web.AppRunner(
        create_app(sessions),
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=SHUTDOWN_SECONDS,
        max_line_size=LONGEST_LINE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, arguments.host, arguments.port).start()
        host, port = runner.addresses[0][:2]
        print(json.dumps({"url": f"http://{host}:{port}", "version": version}), flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
        sessions.close()


def _take(data: Path) -> int:
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _fail(f"Another process serves {data}.", "Stop it, or choose another --data.", EXIT_CONFIGURATION)
    except OSError as error:
        _fail(f"The directory {data} cannot be used: {error.strerror}.", "Choose another --data.", EXIT_CONFIGURATION)
    return lock


def _fail(message: str, next_step: str, exit_code: int) -> NoReturn:
    print(f"{message} {next_step}", file=sys.stderr)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
