"""`lineagehub webhooks show|set|clear|test`, over HTTP."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, YES, HubClient, ask, path_to, show, table

command = typer.Typer(no_args_is_help=True)

NAMESPACE: str = typer.Argument(help="The namespace.")
SECRET_VARIABLE = "LINEAGEHUB_WEBHOOK_SECRET"  # noqa: S105 the name of a variable


@command.command("show")
def show_(namespace: str = NAMESPACE, url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT) -> None:
    """Show where alerts go: hosts, never URLs. Example: lineagehub webhooks show team-a"""
    document = HubClient(url, api_key).get(path_to(namespace, "webhooks")).document
    show(document, json_output, _text(document))


@command.command("set")
def set_(
    namespace: str = NAMESPACE,
    webhooks: list[str] = typer.Argument(
        metavar="[FORMAT=]URL…",
        help="All of them, five at most; FORMAT is slack (when left out) or json. `-` reads them from stdin, one a line.",
    ),
    alerts: list[str] = typer.Option([], "--alert", help="quota or dead_letters; all when left out."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Set all webhooks anew; those in JSON are signed with LINEAGEHUB_WEBHOOK_SECRET, if it is set.

    Example: lineagehub webhooks set team-a https://hooks.slack.com/services/T0/B0/x
    """
    given = sys.stdin.read().split() if webhooks == ["-"] else webhooks
    body = {"webhooks": [_parse(webhook, alerts) for webhook in given]}
    document = HubClient(url, api_key).send("PUT", path_to(namespace, "webhooks"), body).document
    show(document, json_output, _text(document))


@command.command("clear")
def clear(
    namespace: str = NAMESPACE,
    yes: bool = YES,
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Delete all webhooks. Example: lineagehub webhooks clear team-a --yes"""
    ask(f"Delete all webhooks of {namespace}?", yes)
    document = HubClient(url, api_key).send("DELETE", path_to(namespace, "webhooks")).document
    show(document, json_output, _text(document))


@command.command("test")
def send_test(
    namespace: str = NAMESPACE, url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT
) -> None:
    """Send a test message to each; exit 1 unless all took it. Example: lineagehub webhooks test team-a"""
    document = HubClient(url, api_key).send("POST", path_to(namespace, "webhooks", "test")).document
    results = document["results"]
    rows: list[tuple[object, ...]] = [(one["id"], one["host"], one["outcome"], one["status"]) for one in results]
    show(document, json_output, table(("ID", "HOST", "OUTCOME", "STATUS"), rows))
    if not results or any(one["outcome"] != "sent" for one in results):
        raise typer.Exit(1)


def _parse(webhook: str, alerts: list[str]) -> dict[str, Any]:
    head, separator, rest = webhook.partition("=")
    has_format = bool(separator) and "/" not in head
    form, target = (head, rest) if has_format else ("slack", webhook)
    if form not in ("slack", "json"):
        raise typer.BadParameter(f"{form!r} is no format; there are slack and json.", param_hint="[FORMAT=]URL")
    secret = os.environ.get(SECRET_VARIABLE, "") if form == "json" else ""
    return {
        "url": target,
        "format": form,
        **({"secret": secret} if secret else {}),
        **({"alerts": alerts} if alerts else {}),
    }


def _text(document: dict[str, Any]) -> str:
    rows: list[tuple[object, ...]] = [
        (one["id"], one["format"], one["host"], " ".join(one["alerts"])) for one in document["webhooks"]
    ]
    return table(("ID", "FORMAT", "HOST", "ALERTS"), rows)
