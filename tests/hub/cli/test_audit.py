"""`lineagehub audit`: what is stored is shown, and a ClickHouse that is away is said."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineagehub.cli import main
from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.settings import ClickHouseSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import AUDIT_IN, encode_record, insert_settings
from tests.support.clickhouse import start_migrated_clickhouse
from tests.support.hub import run_command


async def store(url: str, entry: AuditEntry) -> None:
    """Store an entry as the agent does."""
    row = encode_record(
        namespace=entry.namespace,
        event_id=str(entry.id),
        topic="lineagehub-audit",
        partition=0,
        offset=0,
        received_at_ms=round(entry.at.timestamp() * 1000),
        retention_days=365,
        value=entry.model_dump_json().encode(),
    )
    async with ClickHouse(ClickHouseSettings(url=url)) as clickhouse:
        await clickhouse.insert(AUDIT_IN.name, "Protobuf", row, insert_settings(AUDIT_IN, uuid.uuid4().hex))


async def test_it_shows_what_was_done_and_nothing_of_another_namespace(tmp_path: Path) -> None:
    entry = AuditEntry(
        id=uuid.uuid4(),
        at=datetime.now(UTC),
        namespace="demo",
        actor=Actor(cli_user="ops"),
        action=Action.LINEAGE_JOB_DELETE,
        target="job:etl:load",
        outcome=Outcome.DONE,
        request_id="1",
        detail={"runs": 2},
    )
    with start_migrated_clickhouse(tmp_path) as server:
        await store(server.url, entry)
        where = {"LINEAGEHUB_CLICKHOUSE_URL": server.url}
        shown = run_command("audit", "demo", **where).stdout
        assert all(word in shown for word in ("ops", "lineage.job.delete", "done", "job:etl:load", "runs=2"))
        lines = run_command(
            "audit", "demo", "--actor", "ops", "--outcome", "done", "--json", **where
        ).stdout.splitlines()
        assert [json.loads(line)["id"] for line in lines] == [str(entry.id)]
        for arguments in (("other",), ("demo", "--outcome", "denied"), ("demo", "--action", "access")):
            result = run_command("audit", *arguments, **where)
            assert (result.returncode, result.stdout) == (0, "")


def test_what_is_away_and_what_is_no_action_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    result = run_command("audit", "demo", LINEAGEHUB_CLICKHOUSE_URL="http://127.0.0.1:1")
    assert result.returncode == 69
    assert "does not answer" in result.stderr
    with pytest.raises(SystemExit) as exit_:
        main(["audit", "demo", "--action", "no.such"])
    assert exit_.value.code == 2
