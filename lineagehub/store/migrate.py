"""Migrations: the schema as numbered SQL files, applied in order, once each. Called by `lineagehub migrate`, `up` and tests.

Files are forward only and never change once landed: a changed checksum is an error. Every statement may be repeated (IF NOT EXISTS), so
an apply that was killed is healed by the next. Two appliers at once do each statement twice at worst, which is harmless for the same
reason; the row that says "applied" is written last.

Tokens in the files: {database}, {on_cluster}, {engine:X} (X or ReplicatedX), {deduplication} (the setting that makes tokens work),
{any_value} (the tuple type of an OTLP AnyValue); `{{` and `}}` are braces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from lineagehub.errors import ConfigurationError
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.error_codes import SchemaMismatch

DEDUPLICATION_WINDOW = 10_000
"""Tokens remembered a table: at one insert a second and partition, four partitions replay 40 minutes later at the latest."""

_TOKEN = re.compile(r"\{\{|\}\}|\{(\w+)(?::(\w+))?\}")
_STATEMENT_END = re.compile(r";[ \t]*(?:\n|$)")
_COMMENT_LINE = re.compile(r"^\s*--.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `version` is its number, `name` the file's, `checksum` of its text as it stands."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self, settings: ClickHouseSettings) -> list[str]:
        """Return the statements, tokens replaced."""
        text = _render(_COMMENT_LINE.sub("", self.text), settings)
        return [statement.strip() for statement in _STATEMENT_END.split(text) if statement.strip()]


def all_migrations() -> list[Migration]:
    """Return the migrations of this version of the hub, in order."""
    folder = files("lineagehub.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(int(name.split("_")[0]), name, (folder / name).read_text()) for name in names]


async def plan(clickhouse: ClickHouse) -> list[Migration]:
    """Return what is not yet applied. Raises ConfigurationError when an applied file has changed."""
    try:
        rows = await clickhouse.select("SELECT version, checksum FROM schema_migrations FINAL")
    except SchemaMismatch:
        return all_migrations()
    applied = {int(row["version"]): str(row["checksum"]) for row in rows}
    for migration in all_migrations():
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise ConfigurationError(
                f"The migration {migration.name} has changed since it was applied.",
                "Put the file back as it was, and write the change as a new migration.",
            )
    return [migration for migration in all_migrations() if migration.version not in applied]


async def apply(clickhouse: ClickHouse, progress: Callable[[Migration], None] | None = None) -> list[Migration]:
    """Apply what is pending, in order; return it. `progress` is told of each before it begins. May be repeated."""
    settings = clickhouse.settings
    await clickhouse.execute(_render("CREATE DATABASE IF NOT EXISTS {database} {on_cluster}", settings), database="")
    await clickhouse.execute(
        _render(
            "CREATE TABLE IF NOT EXISTS {database}.schema_migrations {on_cluster} (version UInt32, name String, checksum String,"
            " applied_at DateTime DEFAULT now()) ENGINE = {engine:ReplacingMergeTree} ORDER BY version",
            settings,
        )
    )
    pending = await plan(clickhouse)
    for migration in pending:
        if progress is not None:
            progress(migration)
        for statement in migration.statements(settings):
            await clickhouse.execute(statement)
        await clickhouse.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ({version:UInt32}, {name:String}, {checksum:String})",
            {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
        )
    return pending


def _render(text: str, settings: ClickHouseSettings) -> str:
    window = "replicated_deduplication_window" if settings.engine_prefix else "non_replicated_deduplication_window"
    values = {
        "database": settings.database,
        "on_cluster": settings.on_cluster_clause,
        "deduplication": f"{window} = {DEDUPLICATION_WINDOW}",
        "any_value": _any_value_type(),
    }

    def replaced(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name is None:
            return match.group()[0]
        if name == "engine":
            return f"{settings.engine_prefix}{argument}"
        return values[name] if argument is None else match.group()

    return _TOKEN.sub(replaced, text)


def _any_value_type() -> str:
    """Return the type of an AnyValue of schemas/*.proto: `value` tells which member is set, three levels deep."""
    members = (
        "none",
        "string_value",
        "bool_value",
        "int_value",
        "double_value",
        "array_value",
        "kvlist_value",
        "bytes_value",
    )
    which = ", ".join(f"'{member}' = {number}" for number, member in enumerate(members))
    leaf = f"value Enum8({which}), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String"

    def nesting(inner: str) -> str:
        pairs = f"Array(Tuple(key String, value {inner}))"
        return f"Tuple({leaf}, array_value Tuple(values Array({inner})), kvlist_value Tuple(values {pairs}))"

    return nesting(nesting(f"Tuple({leaf})"))
