"""`lineagehub apply FILE`: brings namespaces and their limits to what a file declares, over HTTP."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from lineagehub.cli._declaration import Change, Step, carry_out, plan, read_declaration
from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, HubClient, show

SIGNS = {"create": "+", "change": "~", "none": "="}


def command(
    file: Path = typer.Argument(help="YAML; deploy/namespaces.yaml is an example."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would change."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """What the file does not name stays as it is; applying it again changes nothing. Example: lineagehub apply namespaces.yaml --dry-run"""
    declaration = read_declaration(file)
    hub = HubClient(url, api_key)
    steps = plan(hub, declaration)
    if not dry_run:
        for step in steps:
            carry_out(hub, step)
    document = {"dry_run": dry_run, "namespaces": [_described(step) for step in steps]}
    show(document, json_output, "\n".join([*map(_text, steps), _summary(steps, dry_run)]))


def _described(step: Step) -> dict[str, Any]:
    return {
        "name": step.declared.name,
        "action": step.action,
        "changes": [asdict(change) for change in step.changes],
    }


def _text(step: Step) -> str:
    return "\n".join(
        [f"{SIGNS[step.action]} {step.declared.name}", *(f"    {_line(change, step)}" for change in step.changes)]
    )


def _line(change: Change, step: Step) -> str:
    before = f"{_value(change.before)} -> " if step.exists else ""
    return f"{change.field}: {before}{_value(change.after)}"


def _value(value: Any) -> str:
    return value if value == "default" else json.dumps(value, ensure_ascii=False)


def _summary(steps: list[Step], dry_run: bool) -> str:
    counts = {action: sum(step.action == action for step in steps) for action in SIGNS}
    made, changed = ("to make", "to change") if dry_run else ("made", "changed")
    return f"{counts['create']} {made}, {counts['change']} {changed}, {counts['none']} as declared."
