"""`lineagehub audit`: who did what in a namespace, and what was denied, over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import typer

from lineagehub.cli._hub import API_KEY, URL, HubClient, path_to
from lineagehub.contract.audit import Action, Outcome


def command(
    namespace: str = typer.Argument(help="The namespace; _operator for what is of none."),
    action: Action = typer.Option(None, help="Only this."),
    outcome: Outcome = typer.Option(None, help="Only what came to this."),
    actor: str = typer.Option(None, help="Only of this key id, user of the command line, or role."),
    limit: int = typer.Option(100, min=1, max=1_000, help="The newest so many."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = typer.Option(False, "--json", help="One entry a line."),
) -> None:
    """Show the newest entries, with an operator's or an owner's key. Example: lineagehub audit demo --outcome denied"""
    asked = {"action": action, "outcome": outcome, "actor": actor}
    hub, query = HubClient(url, api_key), {name: str(value) for name, value in asked.items() if value is not None}
    while limit:
        path = f"{path_to(namespace, 'audit')}?{urlencode(query | {'limit': limit})}"
        page = hub.get(path).document
        for entry in page["entries"]:
            print(json.dumps(entry) if json_output else _line(entry))
        limit -= len(page["entries"])
        if page["nextCursor"] is None:
            return
        query["cursor"] = page["nextCursor"]


def _line(entry: dict[str, Any]) -> str:
    who = " ".join(str(value) for value in entry["actor"].values() if value) or "the hub"
    detail = " ".join(f"{name}={value}" for name, value in entry["detail"].items())
    return f"{entry['at']}  {who:<20} {entry['action']:<26} {entry['outcome']:<10} {entry['target']}  {detail}"
