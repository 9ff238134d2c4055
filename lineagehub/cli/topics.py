"""`lineagehub topics apply|check`: create the topics of the contract, or name every difference of the broker."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import typer

command = typer.Typer(no_args_is_help=True)


@command.command("apply")
def apply(json_output: bool = typer.Option(False, "--json")) -> None:
    """Create the topics that are missing; change nothing that exists. Example: lineagehub topics apply"""
    from lineagehub.broker.topics import apply_topics
    from lineagehub.settings import load_settings

    created = asyncio.run(apply_topics(load_settings().kafka))
    if json_output:
        print(json.dumps({"created": created}))
    else:
        print(f"Created: {', '.join(created)}" if created else "All topics are there.")


@command.command("check")
def check(json_output: bool = typer.Option(False, "--json")) -> None:
    """Name every difference between the broker and the contract; exit 1 if there is one. Example: lineagehub topics check"""
    from lineagehub.broker.topics import check_topics
    from lineagehub.settings import load_settings

    differences = asyncio.run(check_topics(load_settings().kafka))
    if json_output:
        print(json.dumps({"differences": [asdict(difference) for difference in differences]}))
    else:
        print("\n".join(map(str, differences)) or "The broker fits the contract.")
    if differences:
        raise typer.Exit(1)
