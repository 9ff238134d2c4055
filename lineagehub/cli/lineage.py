"""`lineagehub lineage delete`: deletes a job, a dataset or an OpenLineage namespace that a namespace of the hub has, audited."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime

import typer

from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog
from lineagehub.broker.producer import Producer
from lineagehub.cli._origin import command_line_origin
from lineagehub.contract.namespaces import is_namespace
from lineagehub.contract.topics import AUDIT
from lineagehub.errors import ConfigurationError, LineageHubError
from lineagehub.management.lineage_deletion import LineageDeleter
from lineagehub.settings import Settings, load_settings
from lineagehub.store.client import ClickHouse
from lineagehub.store.deletion import Found, Target
from lineagehub.store.error_codes import SchemaMismatch
from lineagehub.telemetry.logs import configure_logging

PROGRESS_SECONDS = 2.0
CATCH_UP_SECONDS = 60.0
TIMEOUT_SECONDS = 600.0
"""Of one statement: nobody waits at the other end of a request."""

command = typer.Typer(no_args_is_help=True)


@command.callback()
def lineage() -> None:
    """Makes `delete` a command of its own, also while it is the only one."""


def _target(node_id: str) -> str:
    """Refuse, as a wrong usage, what is no node id."""
    try:
        Target.parse(node_id)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return node_id


def _namespace(name: str) -> str:
    if not is_namespace(name):
        raise typer.BadParameter(f"{name!r} cannot be the name of a namespace.")
    return name


@command.command("delete")
def delete(
    node_id: str = typer.Argument(
        callback=_target, help="job:{namespace}:{name}, dataset:{namespace}:{name} or namespace:{namespace}."
    ),
    namespace: str = typer.Option(callback=_namespace, help="The hub's namespace (tenant) that has it."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say how much there is."),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Delete it from reads at once and from disk soon after. Example: lineagehub lineage delete job:default:load --namespace demo"""
    configure_logging("error", "lineage")
    asyncio.run(_delete(load_settings(), namespace, node_id, dry_run, json_output))


async def _delete(settings: Settings, namespace: str, node_id: str, dry_run: bool, json_output: bool) -> None:
    sealer = Sealer(settings.require_secret_key())
    patient = settings.clickhouse.model_copy(update={"timeout_seconds": TIMEOUT_SECONDS})
    async with ClickHouse(patient) as clickhouse, Producer(settings.kafka) as producer:
        audit = AuditLog(producer, settings.kafka.topic_name(AUDIT), sealer)
        deleter = LineageDeleter(settings.kafka, clickhouse, audit, CATCH_UP_SECONDS)
        progress = _Progress()
        late = asyncio.get_running_loop().call_later(
            PROGRESS_SECONDS, _tell, "Waiting until all accepted events are stored…"
        )
        try:
            found = await deleter.find(namespace, Target.parse(node_id))
            late.cancel()
            if found is None:
                raise LineageHubError(f"The namespace {namespace!r} has nothing that is named {node_id}.")
            progress.expect(found.rows)
            deleted_at = None if dry_run else await deleter.delete(command_line_origin(namespace), found, progress)
        except SchemaMismatch as error:
            raise ConfigurationError(str(error), "lineagehub migrate") from error
        finally:
            late.cancel()
    print(json.dumps(_document(found, deleted_at)) if json_output else _sentence(found, deleted_at))


def _document(found: Found, deleted_at: datetime | None) -> dict[str, object]:
    return {
        "kind": found.kind,
        "namespace": found.namespace,
        "name": found.name,
        **found.counts,
        "rows": found.rows,
        "deleted_at": deleted_at.isoformat() if deleted_at else None,
    }


def _sentence(found: Found, deleted_at: datetime | None) -> str:
    counts = ", ".join(f"{number} {what}" for what, number in found.counts.items())
    rows = f"{sum(found.rows.values())} rows in {len(found.rows)} tables"
    if deleted_at is None:
        return f"{found.node_id} is {counts}: {rows}. Nothing was deleted."
    return f"Deleted {found.node_id}: {counts} ({rows}). ClickHouse frees the disk in the background."


class _Progress:
    """Says every two seconds how far it is."""

    def __init__(self) -> None:
        self._tables: Sequence[str] = ()
        self._told_at = time.monotonic()

    def expect(self, tables: dict[str, int]) -> None:
        """Begin with these tables."""
        self._tables, self._told_at = list(tables), time.monotonic()

    def __call__(self, table: str) -> None:
        if time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self._told_at = time.monotonic()
            _tell(f"Deleting from {table} ({self._tables.index(table) + 1} of {len(self._tables)} tables)…")


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
