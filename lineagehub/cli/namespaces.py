"""`lineagehub namespaces list|show|create|set|delete`, over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import typer

from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, YES, HubClient, ask, path_to, show, table

command = typer.Typer(no_args_is_help=True)

NAME: str = typer.Argument(help="The namespace.")
DISPLAY_NAME: str | None = typer.Option(None, help="For people.")
DESCRIPTION: str | None = typer.Option(None, help="For people.")
OWNER: list[str] = typer.Option([], metavar="TEXT", help="Whom to ask; may be repeated.")
TAG: list[str] = typer.Option([], metavar="NAME=VALUE", help="May be repeated.")
JOB_NAMESPACE: list[str] = typer.Option(
    [], metavar="TEXT", help="A namespace of OpenLineage that is its own; repeatable."
)
DISCOVERABLE: bool | None = typer.Option(None, help="Whether others may find its shared datasets.")
RETENTION_DAYS: int | None = typer.Option(None, min=1, max=3650, help="How long new rows are kept.")


@command.command("list")
def list_(url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT) -> None:
    """List the namespaces that the key manages. Example: lineagehub namespaces list"""
    hub, found, cursor = HubClient(url, api_key), [], ""
    while True:
        page = hub.get(f"namespaces?limit=1000{cursor}").document
        found += page["namespaces"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    rows: list[tuple[object, ...]] = [
        (one["name"], one["state"], one["retention_days"], one["revision"], one["display_name"]) for one in found
    ]
    show({"namespaces": found}, json_output, table(("NAMESPACE", "STATE", "DAYS", "REVISION", "DISPLAY NAME"), rows))


@command.command("show")
def show_(name: str = NAME, url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT) -> None:
    """Show one namespace. Example: lineagehub namespaces show team-a"""
    document = HubClient(url, api_key).get(path_to(name)).document
    show(document, json_output, _text(document))


@command.command("create")
def create(
    name: str = NAME,
    display_name: str | None = DISPLAY_NAME,
    description: str | None = DESCRIPTION,
    owner: list[str] = OWNER,
    tag: list[str] = TAG,
    job_namespace: list[str] = JOB_NAMESPACE,
    discoverable: bool | None = DISCOVERABLE,
    retention_days: int | None = RETENTION_DAYS,
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Make a namespace. Example: lineagehub namespaces create team-a --owner data@example.com"""
    fields = _fields(display_name, description, owner, tag, job_namespace, discoverable, retention_days)
    document = HubClient(url, api_key).send("POST", "namespaces", {"name": name, **fields}).document
    show(document, json_output, f"{_text(document)}\nNext:  lineagehub keys create {name} --role writer")


@command.command("set")
def set_(
    name: str = NAME,
    display_name: str | None = DISPLAY_NAME,
    description: str | None = DESCRIPTION,
    owner: list[str] = OWNER,
    tag: list[str] = TAG,
    job_namespace: list[str] = JOB_NAMESPACE,
    discoverable: bool | None = DISCOVERABLE,
    retention_days: int | None = RETENTION_DAYS,
    revision: int | None = typer.Option(None, min=1, help="Change this revision only, and fail if it is another."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Change what is named; a list replaces the list. Example: lineagehub namespaces set team-a --tag env=prod"""
    fields = _fields(display_name, description, owner, tag, job_namespace, discoverable, retention_days)
    if not fields:
        raise typer.BadParameter("Say what to change; lineagehub namespaces set --help lists it.")
    if_match = f'"{revision}"' if revision is not None else ""
    document = HubClient(url, api_key).send("PATCH", path_to(name), fields, if_match).document
    show(document, json_output, _text(document))


@command.command("delete")
def delete(
    name: str = NAME, yes: bool = YES, url: str = URL, api_key: str = API_KEY, json_output: bool = JSON_OUTPUT
) -> None:
    """Delete a namespace with its keys and all its data. Example: lineagehub namespaces delete team-a --yes"""
    ask(f"Delete {name} with all its keys and data?", yes)
    document = HubClient(url, api_key).send("DELETE", f"{path_to(name)}?confirm={quote(name)}").document
    show(
        document,
        json_output,
        f"The keys of {name} are dead. Its data go within about a minute; until then its name is not free.",
    )


def _fields(
    display_name: str | None,
    description: str | None,
    owners: list[str],
    tags: list[str],
    job_namespaces: list[str],
    discoverable: bool | None,
    retention_days: int | None,
) -> dict[str, Any]:
    """Return the members that were named."""
    pairs = [tag.partition("=") for tag in tags]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise typer.BadParameter(f"{wrong[0]!r} is no NAME=VALUE.", param_hint="--tag")
    fields: dict[str, Any] = {
        "display_name": display_name,
        "description": description,
        "owners": owners or None,
        "tags": {name: value for name, _, value in pairs} or None,
        "job_namespaces": job_namespaces or None,
        "discoverable": discoverable,
        "retention_days": retention_days,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _text(document: dict[str, Any]) -> str:
    values = {
        **document,
        "owners": ", ".join(document["owners"]),
        "tags": ", ".join(f"{name}={value}" for name, value in document["tags"].items()),
        "job_namespaces": ", ".join(document["job_namespaces"]),
        "shared_datasets": ", ".join(f"{one['namespace']}:{one['name']}" for one in document["shared_datasets"]),
        "signal_retention_days": ", ".join(
            f"{name} {days}" for name, days in document["signal_retention_days"].items()
        ),
    }
    return "\n".join(f"{name:<22} {value}" for name, value in values.items() if value not in ("", None))
