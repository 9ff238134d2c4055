"""`lineagehub-sdk health`: is the hub there, which version, and how are its parts? Exit 1 when it takes no data."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli._failures import EXIT_FAILED
from lineagehub_sdk.cli._hub import with_client


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Ask and show."""
    health = with_client(options, lambda client: client.health_check())
    if options.json:
        print(json.dumps(asdict(health)))
    else:
        print(f"{health.service} {health.version}: {health.status}, {health.readiness}")
        for name, state in health.dependencies.items():
            print(f"  {name:12}{state}")
    return EXIT_FAILED if health.readiness == "unready" else 0
