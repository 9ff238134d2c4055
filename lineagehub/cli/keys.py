"""`lineagehub keys list|create|rotate|revoke`, over HTTP. A key is printed once, when it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, YES, HubClient, ask, path_to, show, table

command = typer.Typer(no_args_is_help=True)

NAMESPACE: str = typer.Argument(help="The namespace.")
KID: str = typer.Argument(help="The key's id: the third part of it, between underscores.")


@command.command("list")
def list_(namespace: str = NAMESPACE, url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT) -> None:
    """List the keys of a namespace. Example: lineagehub keys list team-a"""
    document = HubClient(url, api_key).get(path_to(namespace, "keys")).document
    rows: list[tuple[object, ...]] = [
        (one["kid"], one["role"], one["state"], one["expires_at"], one["note"]) for one in document["keys"]
    ]
    show(document, json_output, table(("KEY ID", "ROLE", "STATE", "EXPIRES", "NOTE"), rows))


@command.command("create")
def create(
    namespace: str = NAMESPACE,
    role: str = typer.Option(..., help="owner, admin, writer (cannot read) or reader."),
    note: str = typer.Option("", help="Where it is used."),
    days: int | None = typer.Option(None, min=1, max=3_650, help="How long it is valid; a year when left out."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Make a key. Example: lineagehub keys create team-a --role writer --note airflow"""
    body: dict[str, Any] = {"role": role, "note": note}
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    document = HubClient(url, api_key).send("POST", path_to(namespace, "keys"), body).document
    show(document, json_output, f"{document['key']}\nIt is shown this once, and expires {document['expires_at']}.")


@command.command("rotate")
def rotate(
    namespace: str = NAMESPACE,
    kid: str = KID,
    overlap_seconds: int = typer.Option(86_400, min=0, max=2_592_000, help="So long the old key lives on."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Make a key that takes the place of another. Example: lineagehub keys rotate team-a Examp1e0"""
    body = {"overlap_seconds": overlap_seconds}
    document = HubClient(url, api_key).send("POST", path_to(namespace, "keys", kid, "rotate"), body).document
    until = document["replaces"]["expires_at"]
    show(document, json_output, f"{document['key']}\nIt is shown this once. The old key {kid} is valid until {until}.")


@command.command("revoke")
def revoke(
    namespace: str = NAMESPACE,
    kid: str = KID,
    yes: bool = YES,
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Revoke a key now. Example: lineagehub keys revoke team-a Examp1e0 --yes"""
    ask(f"Revoke the key {kid} of {namespace}?", yes)
    document = HubClient(url, api_key).send("DELETE", path_to(namespace, "keys", kid)).document
    show(document, json_output, f"The key {kid} is revoked; within seconds no web and no agent takes it.")
