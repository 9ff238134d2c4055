"""`lineagehub-sdk spool status|send|purge`: what waits on disk for a hub that was away."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime, timezone

from lineagehub_sdk._client import configure as configure_sdk
from lineagehub_sdk._delivery.spool import SpoolStatus, purge_spool, send_spool, spool_directory, spool_status
from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli._failures import EXIT_FAILED, EXIT_NO_ANSWER, Failure, UsageFailure
from lineagehub_sdk.cli._hub import configured


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example("lineagehub-sdk spool status")
    parser.add("action", choices=["status", "send", "purge"], help="which")
    parser.add("--set-aside", action="store_true", help="of purge: only what was damaged or refused")
    parser.add("--yes", action="store_true", help="of purge: do not ask")
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Do what is asked."""
    try:
        return {"status": _status, "send": _send, "purge": _purge}[options.action](options)
    except OSError as error:
        raise Failure(f"The spool cannot be used: {error}.", "lineagehub-sdk config --sources") from error


def _status(options: argparse.Namespace) -> int:
    spools = spool_status(spool_directory(configure_sdk()))
    if options.json:
        print(json.dumps([asdict(spool) for spool in spools]))
        return 0
    for spool in spools:
        print(_line(spool))
    if not spools and not options.quiet:
        print("nothing waits", file=sys.stderr)
    return 0


def _send(options: argparse.Namespace) -> int:
    results = send_spool(configured(options, or_kafka=True))
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
    for result in results:
        if not options.json and not options.quiet:
            print(f"{result.sent} events sent, {result.refused} refused, {result.damaged} damaged")
        if result.error:
            raise Failure(
                f"Not all could be sent: {result.error}.", "lineagehub-sdk health, then the same again", EXIT_NO_ANSWER
            )
    return EXIT_FAILED if any(result.refused or result.damaged for result in results) else 0


def _purge(options: argparse.Namespace) -> int:
    directory = spool_directory(configure_sdk())
    events = 0 if options.set_aside else sum(spool.events - spool.in_use for spool in spool_status(directory))
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageFailure(f"It would remove {events} events for good.", "lineagehub-sdk spool purge --yes")
        print(f"Remove {events} events below {directory} for good? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Failure("Nothing was removed.")
    removed = purge_spool(directory, only_set_aside=options.set_aside)
    if options.json:
        print(json.dumps({"files_removed": removed, "events_removed": events}))
    elif not options.quiet:
        print(f"{removed} files removed")
    return 0


def _line(spool: SpoolStatus) -> str:
    waits = f"{spool.events} events, {spool.bytes} bytes" + (
        f", {spool.in_use} of living processes" if spool.in_use else ""
    )
    if spool.oldest_ms is not None:
        waits += f", since {datetime.fromtimestamp(spool.oldest_ms / 1000, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    aside = f"; set aside: {spool.corrupt} damaged, {spool.refused} refused" if spool.corrupt or spool.refused else ""
    return f"{spool.destination or '?'}  key {spool.key_id or '-'}: {waits}{aside}\n  {spool.path}"
