"""`lineagehub-sdk namespaces list|get NAME`: what the key may see."""

from __future__ import annotations

import argparse
import json

from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli._failures import UsageFailure
from lineagehub_sdk.cli._hub import with_client
from lineagehub_sdk.clients import NamespaceInfo


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example("lineagehub-sdk namespaces get team-a")
    parser.add("action", choices=["list", "get"], help="which")
    parser.add("name", nargs="?", metavar="NAME", help="of get")
    parser.add_hub()


def run(options: argparse.Namespace) -> int:
    """Ask and show."""
    if options.action == "list":
        return list_all(options)
    if not options.name:
        raise UsageFailure("It takes the name of a namespace.", "lineagehub-sdk namespaces list")
    return show(options, options.name)


def list_all(options: argparse.Namespace) -> int:
    """Show all that there are, a line each."""
    found = with_client(options, lambda client: client.list_namespaces())
    if options.json:
        print(json.dumps([dict(namespace.document) for namespace in found]))
        return 0
    width = max([len(namespace.name) for namespace in found], default=0)
    for namespace in found:
        print(f"{namespace.name:{width}}  {namespace.retention_days:>5} days  {namespace.display_name}".rstrip())
    return 0


def show(options: argparse.Namespace, name: str) -> int:
    """Show one."""
    namespace = with_client(options, lambda client: client.get_namespace(name))
    if options.json:
        print(json.dumps(dict(namespace.document)))
    else:
        for line in _lines(namespace):
            print(line)
    return 0


def _lines(namespace: NamespaceInfo) -> list[str]:
    values = {
        "name": namespace.name,
        "display name": namespace.display_name,
        "description": namespace.description,
        "owners": ", ".join(namespace.owners),
        "retention": f"{namespace.retention_days} days",
        "created": namespace.created_at,
        "updated": namespace.updated_at,
        "tags": ", ".join(f"{name}={value}" for name, value in namespace.tags.items()),
    }
    return [f"{name:14}{value}".rstrip() for name, value in values.items()]
