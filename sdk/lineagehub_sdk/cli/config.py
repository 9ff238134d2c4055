"""`lineagehub-sdk config`: what the SDK would do here, and who says so. Asks nobody; secrets are masked."""

from __future__ import annotations

import argparse
import json

from lineagehub_sdk._client import configure as configure_sdk
from lineagehub_sdk._config import PRECEDENCE, explain
from lineagehub_sdk.cli._arguments import CommandParser


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example("lineagehub-sdk config --sources")
    parser.add(
        "--sources", action="store_true", help="show where each value comes from, and the order in which they decide"
    )
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Show."""
    config = configure_sdk(hub_endpoint=options.hub_endpoint, api_key=options.api_key, namespace=options.namespace)
    explained = explain(config)
    if options.json:
        fields = {name: {"value": value, "source": source} for name, value, source in explained}
        print(json.dumps({"transport_in_force": config.effective_transport, "fields": fields}))
        return 0
    width = max(len(name) for name, _, _ in explained)
    for name, value, source in explained:
        shown = "-" if value == "" else str(value)
        print(f"{name:{width}}  {f'{shown:28}  {source}' if options.sources else shown}".rstrip())
    print(f"{'in force':{width}}  transport {config.effective_transport}")
    if options.sources:
        print(f"\nThe first of these decides, for each by itself: {', '.join(PRECEDENCE)}.")
    return 0
