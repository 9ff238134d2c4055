"""`lineagehub-sdk emit`: one event, as it is, and the hub's answer."""

from __future__ import annotations

import argparse
import itertools

from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli._failures import UsageFailure
from lineagehub_sdk.cli._hub import send_events
from lineagehub_sdk.cli._reading import read_events


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example("lineagehub-sdk emit event.json")
    parser.add("path", nargs="?", default="-", metavar="FILE", help="a file with one event (default: standard input)")
    parser.add("--file", "-f", dest="file", metavar="FILE", help="the same")
    parser.add("--dry-run", action="store_true", help="print what would be sent")
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Read and send."""
    events = list(itertools.islice(read_events(options.file or options.path), 2))
    if len(events) > 1:
        raise UsageFailure("There is more than one event.", "lineagehub-sdk send-events --file …")
    return send_events(options, events)
