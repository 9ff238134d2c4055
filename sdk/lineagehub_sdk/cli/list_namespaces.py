"""`lineagehub-sdk list-namespaces`: the name of `namespaces list` in the data-lineage-hub SDK."""

from __future__ import annotations

from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli.namespaces import list_all as run


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.add_hub()


__all__ = ["configure", "run"]
