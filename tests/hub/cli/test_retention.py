"""`lineagehub retention`: the record on the control topic and the rows in ClickHouse after each command, on the embedded engines."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import ControlWriter, read_control
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.cli import main
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.topics import AUDIT, CONTROL
from lineagehub.management.control_journal import ControlJournal
from lineagehub.settings import ClickHouseSettings, KafkaSettings
from lineagehub.store.client import ClickHouse
from tests.support.broker import start_embedded_broker
from tests.support.clickhouse import EmbeddedClickHouse, start_migrated_clickhouse
from tests.support.hub import run_command
from tests.support.signing import SECRET_KEY


@dataclass
class Installation:
    """A broker, a migrated ClickHouse, and the command line that is led to them."""

    kafka: KafkaSettings
    clickhouse: ClickHouse
    journal: Path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `lineagehub retention` with these arguments."""
        ours = {
            "LINEAGEHUB_SECRET_KEY": SECRET_KEY,
            "LINEAGEHUB_KAFKA_BROKERS": self.kafka.brokers,
            "LINEAGEHUB_KAFKA_IDEMPOTENT": "false",
            "LINEAGEHUB_CLICKHOUSE_URL": self.clickhouse.settings.url,
            "LINEAGEHUB_CONTROL_JOURNAL": str(self.journal),
        }
        return run_command("retention", *arguments, **(ours | environment))

    def json(self, *arguments: str) -> Any:
        """Run it with --json, and return what it printed."""
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    async def namespace(self) -> str:
        """Make a namespace with the default days; return its name."""
        record = new_namespace(f"cli-{uuid.uuid4().hex[:8]}")
        async with Producer(self.kafka) as producer:
            await ControlWriter(producer, self.kafka.topic_name(CONTROL)).put(record)
        return record.name

    async def record(self, name: str) -> NamespaceRecord:
        """Return the namespace's record as the topic has it."""
        directory = Directory(Sealer(SECRET_KEY))
        await read_control(self.kafka, directory.apply)
        return directory.namespaces[name]

    async def store(self, table: str, name: str, days: int) -> None:
        """Store a row of now."""
        await self.clickhouse.execute(
            f"INSERT INTO {table} (Namespace, ReceivedAt, RetentionDays) VALUES ({{name:String}}, now64(3), {{days:UInt16}})",
            {"name": name, "days": days},
        )

    async def stored_days(self, table: str, name: str) -> list[int]:
        """Return the days on the namespace's rows."""
        rows = await self.clickhouse.select(
            f"SELECT RetentionDays AS days FROM {table} WHERE Namespace = {{name:String}} ORDER BY days", {"name": name}
        )
        return [int(row["days"]) for row in rows]


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaSettings]:
    """A broker of this file's own."""
    with start_embedded_broker() as broker:
        yield broker.settings()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A running engine."""
    with start_migrated_clickhouse(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture(scope="module")
async def hub(
    kafka: KafkaSettings, server: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """What the commands work on."""
    await apply_topics(kafka, [AUDIT, CONTROL])
    async with ClickHouse(ClickHouseSettings(url=server.url)) as clickhouse:
        yield Installation(kafka, clickhouse, tmp_path_factory.mktemp("journal") / "control.journal")


async def test_setting_days_changes_the_record_and_the_stored_rows(hub: Installation) -> None:
    name, other = await hub.namespace(), await hub.namespace()
    for table in ("otel_traces", "lineage_runs"):
        await hub.store(table, name, 30)
        await hub.store(table, other, 30)
    answer = hub.json("set", name, "--days", "60", "--traces", "7")
    assert answer["signals"] == {"lineage": 60, "traces": 7, "metrics": 60, "logs": 60}
    assert [(one["table"], one["namespace"], one["rows"]) for one in answer["changed"]] == [
        ("lineage_runs", name, 1),
        ("otel_traces", name, 1),
    ]
    assert answer["rewriting"] == []
    record = await hub.record(name)
    assert (record.revision, record.retention_days, record.signal_retention_days) == (2, 60, {"traces": 7})
    assert (
        dict(ControlJournal(hub.journal).records())[f"namespace:{name}".encode()] == record.model_dump_json().encode()
    )
    assert (await hub.stored_days("otel_traces", name), await hub.stored_days("lineage_runs", name)) == ([7], [60])
    assert (await hub.stored_days("otel_traces", other), await hub.stored_days("lineage_runs", other)) == ([30], [30])

    again = hub.json("set", name, "--days", "60", "--traces", "7")
    assert (again["revision"], again["changed"]) == (2, [])
    followed = hub.json("set", name, "--follow", "traces")
    assert followed["signals"] == {"lineage": 60, "traces": 60, "metrics": 60, "logs": 60}
    assert (await hub.record(name)).signal_retention_days == {}
    assert await hub.stored_days("otel_traces", name) == [60]


async def test_new_rows_only_leaves_stored_rows_until_they_are_asked_for(hub: Installation) -> None:
    name = await hub.namespace()
    await hub.store("otel_logs", name, 30)
    kept = hub.run("set", name, "--logs", "90", "--new-rows-only")
    assert kept.returncode == 0, kept.stderr
    assert f"{name} keeps, in days: lineage 30, traces 30, metrics 30, logs 90 (revision 2)." in kept.stdout
    assert await hub.stored_days("otel_logs", name) == [30]

    (shown,) = hub.json("show", name)["namespaces"]
    assert shown["signals"]["logs"] == {"days": 90, "from": "signal", "outdated_rows": 1}
    assert shown["signals"]["traces"] == {"days": 30, "from": "default", "outdated_rows": 0}

    applied = hub.run("apply", name)
    assert applied.returncode == 0, applied.stderr
    assert "ClickHouse rewrites rows that differ: 1 of otel_logs." in applied.stderr
    assert "Done" in applied.stdout
    assert await hub.stored_days("otel_logs", name) == [90]
    rows = hub.run("show", name).stdout.splitlines()
    assert [row.split() for row in rows if "logs" in row] == [[name, "logs", "90", "signal", "0"]]


async def test_all_namespaces_are_shown_and_brought_to_their_days_at_once(hub: Installation) -> None:
    names = sorted([await hub.namespace(), await hub.namespace()])
    for name in names:
        await hub.store("otel_metrics_sum", name, 7)
    hub.json("set", names[0], "--days", "14", "--new-rows-only")
    shown = {one["namespace"]: one["signals"]["metrics"] for one in hub.json("show")["namespaces"]}
    assert shown[names[0]] == {"days": 14, "from": "namespace", "outdated_rows": 1}
    assert shown[names[1]] == {"days": 30, "from": "default", "outdated_rows": 1}
    changed = {one["namespace"] for one in hub.json("apply")["changed"]}
    assert changed >= set(names)
    assert [await hub.stored_days("otel_metrics_sum", name) for name in names] == [[14], [30]]


async def test_an_unknown_namespace_is_refused_with_where_to_find_those_there_are(hub: Installation) -> None:
    result = hub.run("set", "nobodys-namespace", "--days", "7")
    assert result.returncode == 78
    assert "There is no namespace 'nobodys-namespace'." in result.stderr
    assert "next: lineagehub retention show" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--days", "0"), "greater than or equal to 1"),
        (("--traces", "3651"), "less than or equal to 3650"),
        (("--logs", "many"), "Invalid value for '--logs'"),
        ((), "Say at least one of --days"),
        (("--follow", "spans"), "'spans' is no signal"),
        (("--follow", "logs", "--logs", "7"), "logs cannot both have days and follow"),
    ],
    ids=lambda value: "-".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_wrong_days_are_a_usage_error_that_says_what_is_right(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as exit_:
        main(["retention", "set", "demo", *options])
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


async def test_without_clickhouse_the_record_is_set_and_the_rest_is_named(hub: Installation) -> None:
    name = await hub.namespace()
    result = hub.run("set", name, "--days", "7", LINEAGEHUB_CLICKHOUSE_URL="http://127.0.0.1:1")
    assert result.returncode == 69
    assert f"later: lineagehub retention apply {name}" in result.stderr
    assert "ClickHouse at http://127.0.0.1:1/ does not answer" in result.stderr
    assert (await hub.record(name)).retention_days == 7


async def test_a_clickhouse_without_the_schema_is_told_apart_and_mended_by_migrate(hub: Installation) -> None:
    result = hub.run("show", LINEAGEHUB_CLICKHOUSE_DATABASE="nowhere")
    assert result.returncode == 78
    assert "next: lineagehub migrate" in result.stderr
