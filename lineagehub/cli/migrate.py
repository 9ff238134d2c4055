"""`lineagehub migrate [--dry-run]`: bring ClickHouse's schema up to date."""

from __future__ import annotations

import asyncio
import json

import typer


def command(
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be applied."),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Example: lineagehub migrate --dry-run"""
    asyncio.run(_migrate(dry_run, json_output))


async def _migrate(dry_run: bool, json_output: bool) -> None:
    from lineagehub.settings import load_settings
    from lineagehub.store.client import ClickHouse
    from lineagehub.store.migrate import apply, plan

    async with ClickHouse(load_settings().clickhouse) as clickhouse:
        migrations = await (plan(clickhouse) if dry_run else apply(clickhouse))
    names = [migration.name for migration in migrations]
    if json_output:
        print(json.dumps({"pending" if dry_run else "applied": names}))
    elif not names:
        print("The schema is up to date.")
    else:
        print(f"{'Would apply' if dry_run else 'Applied'}: {', '.join(names)}")
