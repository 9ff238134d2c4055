"""`lineagehub limits show|set`, over HTTP."""

from __future__ import annotations

from typing import Any

import typer

from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, HubClient, path_to, show, table
from lineagehub.cli._limits import set_of
from lineagehub.contract.limits import NAMES

command = typer.Typer(no_args_is_help=True)

NAMESPACE: str = typer.Argument(help="The namespace.")


@command.command("show")
def show_(namespace: str = NAMESPACE, url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT) -> None:
    """Show each limit in force and where it is set. Example: lineagehub limits show team-a"""
    document = HubClient(url, api_key).get(path_to(namespace, "limits")).document
    show(document, json_output, _text(document))


@command.command("set")
def set_(
    namespace: str = NAMESPACE,
    limits: list[str] = typer.Argument(metavar="NAME=VALUE…", help=f"One of {', '.join(NAMES)}; `default` unsets it."),
    key: str = typer.Option("", metavar="KID", help="Of this key, instead of the namespace."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Set the limits that are named, for an operator. Example: lineagehub limits set team-a events_per_day=1000000 burst=default"""
    named = [_parse(limit) for limit in limits]
    hub, path = HubClient(url, api_key), path_to(namespace, "limits")
    read = hub.get(path)
    body = set_of(read.document)
    target = body["keys"].setdefault(key, {}) if key else body
    for name, value in named:
        target.pop(name, None)
        if value is not None:
            target[name] = value
    if key and not target:
        del body["keys"][key]
    document = hub.send("PUT", path, body, read.etag).document
    show(document, json_output, _text(document))


def _parse(limit: str) -> tuple[str, int | None]:
    name, _, value = limit.partition("=")
    if name not in NAMES:
        raise typer.BadParameter(f"{name!r} is no limit; there are {', '.join(NAMES)}.", param_hint="NAME=VALUE")
    if value == "default":
        return name, None
    if not value.isascii() or not value.isdigit():
        raise typer.BadParameter(f"{limit!r}: the value is a whole number, or `default`.", param_hint="NAME=VALUE")
    return name, int(value)


def _text(document: dict[str, Any]) -> str:
    rows: list[tuple[object, ...]] = []
    for of, limits in (("", document["limits"]), *document["keys"].items()):
        rows += [
            (name, one["value"], one["origin"], of) for name, one in limits.items() if not of or one["origin"] == "key"
        ]
    return table(("LIMIT", "VALUE", "FROM", "KEY"), rows)
