"""Reads go through parameterized views only: no SQL of the reads names a table, and no view gives a row without a namespace."""

from __future__ import annotations

import ast
import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

import lineagehub.store.queries
import lineagehub.web
from lineagehub.cli import main
from lineagehub.errors import ConfigurationError, LineageHubError
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.reader import LIMITS, READ_ONLY, READ_VIEWS, reader_statements
from tests.support.restricted_clickhouse import READER_XML

SOURCES = [
    path
    for package in (lineagehub.store.queries, lineagehub.web)
    for path in sorted(Path(package.__path__[0]).rglob("*.py"))
]
READ = r"\b(?:FROM|(?<!ARRAY )JOIN)\s+"
NAMED = re.compile(
    rf"(?:{READ}|\b(?:INTO|UPDATE|TABLE)\s+)([A-Za-z_][\w.{{}}]*)(\s*\(ns = {{+(?:ns|t{{n}}):String}}+\))?"
)
"""`t{n}`: one of several tenants that one statement asks, each through its own view (shared_search.py)."""
PASSWORD = "a password of these tests"
SETTINGS = ClickHouseSettings(reader_user="reader", reader_password=PASSWORD)


def texts(path: Path) -> Iterator[str]:
    """Yield the strings of a file but its docstrings, each whole: what f-strings put in stands as `{}`."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            skipped |= {id(part) for part in node.values}
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def unfit(text: str) -> list[str]:
    """Return what a text of SQL reads or changes that is no view with the namespace bound to it."""
    names = set(re.findall(r"\b(\w+) AS (?:MATERIALIZED )?\(", text))
    return [
        match.group()
        for match in NAMED.finditer(text)
        if not (match.group(1).startswith("read_") and match.group(2)) and match.group(1) not in names
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_sql_of_the_reads_names_anything_but_a_view_with_its_namespace(path: Path) -> None:
    assert [found for text in texts(path) for found in unfit(text)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM otel_logs",
        "SELECT 1 FROM read_logs",
        "SELECT 1 FROM read_logs(ns = 'team-a')",
        "SELECT 1 FROM read_logs(ns = {ns:String}) INNER JOIN lineage_jobs USING x",
        "INSERT INTO otel_logs SELECT 1",
        "ALTER TABLE otel_logs DELETE WHERE 1",
    ],
)
def test_a_table_in_sql_would_be_seen(sql: str) -> None:
    assert unfit(sql)


async def views_of(clickhouse: ClickHouse) -> dict[str, dict[str, str]]:
    """Return everything in the database that the reader's grant covers, by name."""
    rows = await clickhouse.select(
        "SELECT name, engine, create_table_query AS sql, as_select FROM system.tables"
        " WHERE database = currentDatabase() AND startsWith(name, {prefix:String})",
        {"prefix": READ_VIEWS.removesuffix("*")},
    )
    assert len(rows) > 25
    return {row["name"]: row for row in rows}


async def test_all_that_the_reader_may_read_are_views_with_the_rights_of_their_definer(clickhouse: ClickHouse) -> None:
    for name, view in (await views_of(clickhouse)).items():
        assert view["engine"] == "View", name
        assert "SQL SECURITY DEFINER" in view["sql"], f"{name}: ALTER TABLE … MODIFY SQL SECURITY DEFINER, as in 0012"
        assert view["as_select"].count("Namespace = {ns:String}") == len(
            re.findall(rf"{READ}(?!\()", view["as_select"])
        ), f"{name} reads a table without the namespace"


@pytest.mark.parametrize("what", ["*", "count()", "1"])
async def test_no_view_gives_anything_without_a_namespace(clickhouse: ClickHouse, what: str) -> None:
    for name in await views_of(clickhouse):
        for call in (name, f"{name}()", f"{name}(other = 'x')"):
            with pytest.raises(LineageHubError):
                await clickhouse.select(f"SELECT {what} FROM {call}")
        await clickhouse.select(f"SELECT * FROM {name}(ns = {{ns:String}}) LIMIT 1", {"ns": "nobody"})


async def test_the_readers_sql_is_what_clickhouse_understands_and_holds_no_password(clickhouse: ClickHouse) -> None:
    statements = reader_statements(SETTINGS)
    for statement in statements:
        assert await clickhouse.select(f"EXPLAIN AST {statement}")
    text = "\n".join(statements)
    assert PASSWORD not in text
    assert hashlib.sha256(PASSWORD.encode()).hexdigest() in text
    assert "GRANT SELECT ON lineagehub.read_* TO reader" in text
    on_cluster = reader_statements(SETTINGS.model_copy(update={"on_cluster": "main"}))
    assert all("ON CLUSTER 'main'" in statement for statement in on_cluster)
    for statement in on_cluster:
        assert await clickhouse.select(f"EXPLAIN AST {statement}")


def test_the_readers_file_says_what_its_sql_says() -> None:
    document = ElementTree.parse(READER_XML).getroot()
    (profile,), (user,) = document.findall("profiles/*"), document.findall("users/*")
    limits = {**LIMITS, "readonly": READ_ONLY}
    assert {one.tag: int(one.text or "") for one in profile if one.tag != "constraints"} == limits
    assert {one.tag for one in profile.findall("constraints/*")} == limits.keys()
    assert user.findtext("profile") == profile.tag
    assert [one.text for one in user.findall("grants/query")] == [f"GRANT SELECT ON lineagehub.{READ_VIEWS}"]


@pytest.mark.parametrize("reader", [{}, {"reader_user": "reader"}, {"reader_user": "default", "reader_password": "x"}])
def test_a_reader_without_name_or_password_or_who_also_writes_is_refused(reader: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        reader_statements(ClickHouseSettings.model_validate(reader))
    assert "LINEAGEHUB_CLICKHOUSE_READER" in caught.value.next_step


def test_the_command_prints_the_sql(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_CLICKHOUSE_READER_USER", "reader")
    monkeypatch.setenv("LINEAGEHUB_CLICKHOUSE_READER_PASSWORD", PASSWORD)
    with pytest.raises(SystemExit) as exit_:
        main(["clickhouse", "grants"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.splitlines() == [f"{statement};" for statement in reader_statements(SETTINGS)]
