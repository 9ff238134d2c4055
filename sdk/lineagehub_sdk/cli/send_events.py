"""`lineagehub-sdk send-events`: many events, in requests of 1,000. What was sent before it failed may be sent again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli._failures import UsageFailure
from lineagehub_sdk.cli._hub import send_events
from lineagehub_sdk.cli._reading import read_events


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example("lineagehub-sdk send-events --file events.ndjson")
    parser.add("--file", "-f", metavar="FILE", help='a JSON array, or an event a line; "-" is standard input')
    parser.add("events", nargs="*", metavar="EVENT", help="events as JSON, instead of a file")
    parser.add("--dry-run", action="store_true", help="print what would be sent")
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Read and send."""
    if bool(options.file) == bool(options.events):
        raise UsageFailure(
            "It takes a file, or events as arguments.", "lineagehub-sdk send-events --file events.ndjson"
        )
    return send_events(options, read_events(options.file) if options.file else _arguments(options.events))


def _arguments(texts: list[str]) -> Iterator[dict[str, Any]]:
    for text in texts:
        try:
            event = json.loads(text)
        except ValueError as error:
            raise UsageFailure(f"{text[:60]!r} is no JSON: {error}.") from error
        if not isinstance(event, dict):
            raise UsageFailure(f"{text[:60]!r} is no event: it should be a JSON object.")
        yield event
