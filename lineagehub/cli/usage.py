"""`lineagehub usage`: what a namespace has sent, by day and signal, over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import typer

from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, HubClient, path_to, show, table

_COLUMNS = ("received", "stored", "duplicate", "dead_lettered", "over_quota", "bytes", "redriven")


def command(
    namespace: str = typer.Argument(help="The namespace."),
    since: str = typer.Option("", "--from", metavar="DAY", help="The first day, UTC; else today."),
    until: str = typer.Option("", "--to", metavar="DAY", help="The last day, included."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Example: lineagehub usage team-a --from 2026-01-01 --to 2026-01-31"""
    bounds = urlencode({name: day for name, day in (("from", since), ("to", until)) if day})
    document = HubClient(url, api_key).get(path_to(namespace, "usage") + (f"?{bounds}" if bounds else "")).document
    show(document, json_output, _text(document))


def _text(document: dict[str, Any]) -> str:
    rows = [
        (day["day"], name, *(counts[column] for column in _COLUMNS))
        for day in document["days"]
        for name, counts in [*day["signals"].items(), ("all", day["total"])]
    ]
    used = [
        f"{day['day']}: {day['used']} of {day['limit']} events used ({day['verdict']})"
        + (f", as of {day['as_of']}" if day["as_of"] else "")
        for day in document["days"]
    ]
    warning = [] if document["is_complete"] else ["The hub has not read all that is counted yet: numbers are too low."]
    return "\n".join([*used, "", table(("DAY", "SIGNAL", *(column.upper() for column in _COLUMNS)), rows), *warning])
