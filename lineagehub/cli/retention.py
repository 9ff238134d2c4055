"""`lineagehub retention show|set|apply`: how long each namespace's data are kept, for new rows and for those that are stored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from lineagehub.auth.directory import Directory
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog
from lineagehub.broker.control import read_control
from lineagehub.broker.producer import Producer
from lineagehub.cli._origin import command_line_origin
from lineagehub.contract.control import DEFAULT_RETENTION_DAYS, NamespaceRecord, RetentionDays
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import AUDIT
from lineagehub.errors import ConfigurationError, LineageHubError
from lineagehub.management.control_journal import journal_append
from lineagehub.management.control_plane import open_control_plane
from lineagehub.management.namespaces import NamespaceManager
from lineagehub.management.refusals import RevisionConflict
from lineagehub.settings import Settings, load_settings
from lineagehub.store.client import ClickHouse
from lineagehub.store.error_codes import SchemaMismatch
from lineagehub.store.retention import (
    OutdatedRows,
    Rewriting,
    apply_retention,
    find_outdated,
    rewriting,
    wait_rewritten,
)
from lineagehub.telemetry.logs import configure_logging

PROGRESS_SECONDS = 2.0

command = typer.Typer(no_args_is_help=True)


def _days(days: int | None) -> int | None:
    """Refuse, as a wrong usage, what the namespace's record would refuse."""
    try:
        return None if days is None else TypeAdapter(RetentionDays).validate_python(days)
    except ValidationError as error:
        raise typer.BadParameter(f"{days} days: {error.errors()[0]['msg']}.") from error


@command.command("show")
def show(
    namespace: str = typer.Argument("", help="Only this namespace; else all."),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Show the days in force, where they come from, and how many stored rows differ. Example: lineagehub retention show"""
    asyncio.run(_show(namespace, json_output))


@command.command("set")
def set_(
    namespace: str = typer.Argument(help="The namespace."),
    days: int = typer.Option(None, callback=_days, help="Days for every signal that has none of its own."),
    lineage: int = typer.Option(None, callback=_days, help="Days for lineage."),
    traces: int = typer.Option(None, callback=_days, help="Days for traces."),
    metrics: int = typer.Option(None, callback=_days, help="Days for metrics."),
    logs: int = typer.Option(None, callback=_days, help="Days for logs."),
    follow: list[str] = typer.Option([], metavar="SIGNAL", help="This signal has the namespace's days again."),
    new_rows_only: bool = typer.Option(False, "--new-rows-only", help="Leave stored rows as they are."),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Wait until ClickHouse has rewritten the stored rows."),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Set the days of a namespace, for new rows and for stored ones. Example: lineagehub retention set demo --days 30 --traces 7"""
    asked = {Signal.LINEAGE: lineage, Signal.TRACES: traces, Signal.METRICS: metrics, Signal.LOGS: logs}
    of_signals = {signal: of_signal for signal, of_signal in asked.items() if of_signal is not None}
    unknown = [name for name in follow if name not in list(Signal)]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is no signal; there are {', '.join(Signal)}.", param_hint="--follow")
    following = {Signal(name) for name in follow}
    if days is None and not of_signals and not following:
        raise typer.BadParameter("Say at least one of --days, --lineage, --traces, --metrics, --logs, --follow.")
    if following & set(of_signals):
        raise typer.BadParameter(
            f"{min(following & set(of_signals))} cannot both have days and follow.", param_hint="--follow"
        )
    asyncio.run(_set(namespace, days, of_signals, following, None if new_rows_only else wait, json_output))


@command.command("apply")
def apply(
    namespace: str = typer.Argument("", help="Only this namespace; else all."),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Wait until ClickHouse has rewritten the stored rows."),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Bring stored rows to the days of their namespace; repeating it costs a count. Example: lineagehub retention apply"""
    asyncio.run(_apply(namespace, wait, json_output))


async def _show(namespace: str, json_output: bool) -> None:
    settings = _settings()
    records = await _records(settings, namespace)
    async with _clickhouse(settings) as clickhouse:
        outdated = await find_outdated(clickhouse, records)
        under_way = await rewriting(clickhouse)
    if json_output:
        shown = [_shown(record, outdated) for record in records]
        print(json.dumps({"namespaces": shown, "rewriting": [asdict(one) for one in under_way]}))
        return
    print(f"{'NAMESPACE':<24} {'SIGNAL':<8} {'DAYS':>5}  {'FROM':<10} {'STORED ROWS THAT DIFFER':>23}")
    for record in records:
        for signal, row in _shown(record, outdated)["signals"].items():
            print(f"{record.name:<24} {signal:<8} {row['days']:>5}  {row['from']:<10} {row['outdated_rows']:>23}")
    if under_way:
        print(_still_rewriting(under_way))
    if outdated:
        print("Stored rows that differ are brought to these days by: lineagehub retention apply")


async def _set(
    namespace: str,
    days: int | None,
    of_signals: dict[Signal, int],
    following: set[Signal],
    wait: bool | None,
    json_output: bool,
) -> None:
    settings = _settings()
    changed = await _change(settings, namespace, days, of_signals, following)
    document: dict[str, Any] = {"namespace": namespace, "revision": changed.revision, "signals": _days_of(changed)}
    if not json_output:
        kept = ", ".join(f"{signal} {days}" for signal, days in document["signals"].items())
        print(
            f"{namespace} keeps, in days: {kept} (revision {changed.revision}). Agents stamp new rows so within seconds."
        )
    if wait is not None:
        try:
            document |= await _bring_stored_rows(settings, [changed], wait, json_output)
        except LineageHubError:
            _tell(
                f"Only new rows have these days so far. For stored ones, later: lineagehub retention apply {namespace}"
            )
            raise
    if json_output:
        print(json.dumps(document))


async def _apply(namespace: str, wait: bool, json_output: bool) -> None:
    settings = _settings()
    document = await _bring_stored_rows(settings, await _records(settings, namespace), wait, json_output)
    if json_output:
        print(json.dumps(document))


async def _bring_stored_rows(
    settings: Settings, records: Sequence[NamespaceRecord], wait: bool, json_output: bool
) -> dict[str, Any]:
    async with _clickhouse(settings) as clickhouse:
        changed = await apply_retention(clickhouse, records)
        if not json_output:
            _tell(_begun(changed))
        if wait:
            await wait_rewritten(clickhouse, _Progress())
        left = await rewriting(clickhouse)
    if not json_output and (changed or left):
        print(_still_rewriting(left) if left else "Done: the stored rows have the days of their namespace.")
    return {"changed": [asdict(one) for one in changed], "rewriting": [asdict(one) for one in left]}


@contextlib.asynccontextmanager
async def _clickhouse(settings: Settings) -> AsyncIterator[ClickHouse]:
    async with ClickHouse(settings.clickhouse) as clickhouse:
        try:
            yield clickhouse
        except SchemaMismatch as error:
            raise ConfigurationError(str(error), "lineagehub migrate") from error


def _settings() -> Settings:
    configure_logging("error", "retention")
    return load_settings()


async def _records(settings: Settings, namespace: str) -> list[NamespaceRecord]:
    """Read the control topic; return the record of `namespace`, or all by name for an empty one."""
    directory = Directory(Sealer(settings.require_secret_key()))
    late = asyncio.get_running_loop().call_later(
        PROGRESS_SECONDS, _tell, f"Reading the namespaces from Kafka at {settings.kafka.brokers}…"
    )
    try:
        await read_control(settings.kafka, directory.apply)
    finally:
        late.cancel()
    if not namespace:
        return [directory.namespaces[name] for name in sorted(directory.namespaces)]
    if namespace not in directory.namespaces:
        raise _unknown(namespace)
    return [directory.namespaces[namespace]]


def _unknown(namespace: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is no namespace {namespace!r}.",
        "lineagehub retention show names those there are; lineagehub bootstrap --namespace NAME makes one.",
    )


async def _change(
    settings: Settings, namespace: str, days: int | None, of_signals: dict[Signal, int], following: set[Signal]
) -> NamespaceRecord:
    """Set the days, on whatever revision is there, and return the namespace as it is then."""
    sealer = Sealer(settings.require_secret_key())
    async with (
        Producer(settings.kafka) as producer,
        open_control_plane(settings.kafka, sealer, producer, journal_append(settings)) as control,
    ):
        namespaces = NamespaceManager(control, AuditLog(producer, settings.kafka.topic_name(AUDIT), sealer))
        while True:
            held = control.directory.namespaces.get(namespace)
            if held is None:
                raise _unknown(namespace)
            kept = {signal: days for signal, days in held.signal_retention_days.items() if signal not in following}
            fields: dict[str, Any] = {"signal_retention_days": kept | of_signals}
            if days is not None:
                fields["retention_days"] = days
            with contextlib.suppress(RevisionConflict):
                return await namespaces.change(command_line_origin(namespace), namespace, fields, {held.revision})


def _days_of(record: NamespaceRecord) -> dict[str, int]:
    return {signal.value: record.retention_days_of(signal) for signal in Signal}


def _shown(record: NamespaceRecord, outdated: Sequence[OutdatedRows]) -> dict[str, Any]:
    origin = "default" if record.retention_days == DEFAULT_RETENTION_DAYS else "namespace"
    signals = {
        signal.value: {
            "days": record.retention_days_of(signal),
            "from": "signal" if signal in record.signal_retention_days else origin,
            "outdated_rows": sum(one.rows for one in outdated if (one.namespace, one.signal) == (record.name, signal)),
        }
        for signal in Signal
    }
    return {"namespace": record.name, "revision": record.revision, "signals": signals}


def _begun(changed: Sequence[OutdatedRows]) -> str:
    if not changed:
        return "No stored row differs."
    rows_by_table: Counter[str] = Counter()
    for one in changed:
        rows_by_table[one.table] += one.rows
    return f"ClickHouse rewrites rows that differ: {', '.join(f'{rows} of {table}' for table, rows in rows_by_table.items())}."


def _still_rewriting(under_way: Sequence[Rewriting]) -> str:
    left = ", ".join(f"{one.table} ({one.parts_left} parts left)" for one in under_way)
    return f"ClickHouse is still rewriting {left}."


class _Progress:
    """Says what is left, every two seconds."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def __call__(self, under_way: Sequence[Rewriting]) -> None:
        if time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self._told_at = time.monotonic()
            _tell(_still_rewriting(under_way))


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
