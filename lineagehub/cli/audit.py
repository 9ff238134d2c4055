"""`lineagehub audit`: who did what in a namespace, and what was denied, read from ClickHouse past the web."""

from __future__ import annotations

import asyncio

import typer

from lineagehub.contract.audit import Action, Outcome


def command(
    namespace: str = typer.Argument(help="The namespace; _operator for what is of none."),
    action: Action = typer.Option(None, help="Only this."),
    outcome: Outcome = typer.Option(None, help="Only what came to this."),
    actor: str = typer.Option(None, help="Only of this key id, user of the command line, or role."),
    limit: int = typer.Option(100, min=1, max=1_000, help="The newest so many."),
    json_output: bool = typer.Option(False, "--json", help="One entry a line."),
) -> None:
    """Example: lineagehub audit demo --outcome denied"""
    asyncio.run(_show(namespace, action, outcome, actor, limit, json_output))


async def _show(
    namespace: str, action: Action | None, outcome: Outcome | None, actor: str | None, limit: int, json_output: bool
) -> None:
    from lineagehub.errors import ConfigurationError
    from lineagehub.settings import load_settings
    from lineagehub.store.client import ClickHouse
    from lineagehub.store.error_codes import SchemaMismatch
    from lineagehub.store.queries.audit import AuditFilter, audit_record, find_audit
    from lineagehub.telemetry.logs import configure_logging

    configure_logging("error", "audit")
    async with ClickHouse(load_settings().clickhouse.of_reader()) as clickhouse:
        wanted = AuditFilter(action=action, outcome=outcome, actor=actor)
        try:
            page = await find_audit(clickhouse, namespace, wanted, limit, None)
        except SchemaMismatch as error:
            raise ConfigurationError(str(error), "lineagehub migrate") from error
    for entry in (audit_record(row) for _, row in page.rows):
        if json_output:
            print(entry.model_dump_json())
            continue
        who = " ".join(f"{value}" for value in entry.actor.values() if value) or "the hub"
        detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
        print(f"{entry.at}  {who:<20} {entry.action:<26} {entry.outcome:<10} {entry.target}  {detail}")
