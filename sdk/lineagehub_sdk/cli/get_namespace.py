"""`lineagehub-sdk get-namespace NAME`: the name of `namespaces get` in the data-lineage-hub SDK."""

from __future__ import annotations

import argparse

from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli.namespaces import show


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.add("name", metavar="NAME", help="the namespace")
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Ask and show."""
    return show(options, options.name)
