"""`lineagehub clickhouse grants`: the user of ClickHouse that reads for tenants, as SQL."""

from __future__ import annotations

import asyncio
import json

import typer

command = typer.Typer(no_args_is_help=True)


@command.callback()
def clickhouse() -> None:
    """Makes `grants` a command of its own, also while it is the only one."""


@command.command("grants")
def grants(
    apply: bool = typer.Option(
        False, "--apply", help="Run them, as LINEAGEHUB_CLICKHOUSE_USER, who must manage users."
    ),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Print the SQL that makes the reader: it may read through the views, and nothing else. Example: lineagehub clickhouse grants"""
    from lineagehub.settings import load_settings
    from lineagehub.store.reader import reader_statements

    settings = load_settings().clickhouse
    statements = reader_statements(settings)
    if apply:
        asyncio.run(_run(statements))
    if json_output:
        print(json.dumps({"statements": statements, "applied": apply}))
    elif apply:
        print(f"{settings.reader_user} may read through the views of {settings.database}, and nothing else.")
    else:
        print("\n".join(f"{statement};" for statement in statements))


async def _run(statements: list[str]) -> None:
    from lineagehub.settings import load_settings
    from lineagehub.store.client import ClickHouse

    async with ClickHouse(load_settings().clickhouse) as client:
        for statement in statements:
            await client.execute(statement)
