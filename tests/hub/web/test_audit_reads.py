"""`GET /api/v1/namespaces/{name}/audit` on the embedded ClickHouse: who may read it, every filter, every page."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.contract.control import Role
from lineagehub.store.landing import AUDIT_IN, encode_record, insert_settings
from tests.hub.web.reading import all_pages, get, items
from tests.hub.web.running import RunningWeb
from tests.support.hub import run_command

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH = "/api/v1/namespaces/team-a/audit"
NOW = datetime.now(UTC).replace(microsecond=123_456) + timedelta(hours=1)
KEY = Actor(key_id="Abcd1234", role=Role.OWNER)


def entry(target: str, seconds: int, namespace: str = "team-a", **members: Any) -> AuditEntry:
    """An entry of some seconds after NOW."""
    defaults: dict[str, Any] = {
        "id": uuid.uuid4(),
        "at": NOW + timedelta(seconds=seconds),
        "namespace": namespace,
        "actor": KEY,
        "action": Action.LINEAGE_JOB_DELETE,
        "target": target,
        "outcome": Outcome.DONE,
        "request_id": "request-1",
        "client_address": "192.0.2.1",
        "detail": {"runs": 2, "why": 'it\'s "old"'},
    }
    return AuditEntry.model_validate(defaults | members)


def row(of: AuditEntry) -> bytes:
    """An entry as the agent inserts it."""
    return encode_record(
        namespace=of.namespace,
        event_id=str(of.id),
        topic="lineagehub-audit",
        partition=0,
        offset=0,
        received_at_ms=round(NOW.timestamp() * 1000),
        retention_days=365,
        value=of.model_dump_json().encode(),
    )


CREATED = entry("job:a:one", 0)
BY_HAND = entry("job:a:two", 1, actor=Actor(cli_user="ops"), client_address=None, outcome=Outcome.FAILED)
DENIED = entry("GET /api/v1/search", 2, action=Action.ACCESS, outcome=Outcome.DENIED)
OF_ANOTHER = entry("job:a:one", 0, "team-b")
OF_NOBODY = entry("GET /", 0, "_operator")
BEFORE_IT_WAS = entry("job:of:a former team-a", -10 * 86_400)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """All of these entries, one of them twice, as a lost acknowledgement leaves it."""
    for of in (CREATED, BY_HAND, DENIED, OF_ANOTHER, OF_NOBODY, BEFORE_IT_WAS, CREATED):
        settings = insert_settings(AUDIT_IN, uuid.uuid4().hex)
        await reading_web.parts.clickhouse.insert(AUDIT_IN.name, "Protobuf", row(of), settings)
    return reading_web


async def targets(web: RunningWeb, role: str = "owner", path: str = PATH, **query: Any) -> list[str]:
    return [one["target"] for one in await items(web, path, "entries", role, **query)]


async def test_an_owner_reads_the_entries_of_his_namespace_newest_first_and_each_once(reads: RunningWeb) -> None:
    found = await items(reads, PATH, "entries", "owner")
    assert [one["id"] for one in found] == [str(one.id) for one in (DENIED, BY_HAND, CREATED)]
    assert found[2] == {
        "id": str(CREATED.id),
        "at": f"{CREATED.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "namespace": "team-a",
        "actor": {"key_id": "Abcd1234", "subject": None, "role": "owner", "cli_user": None},
        "action": "lineage.job.delete",
        "target": "job:a:one",
        "outcome": "done",
        "request_id": "request-1",
        "client_address": "192.0.2.1",
        "detail": {"runs": 2, "why": 'it\'s "old"'},
    }
    assert (found[1]["actor"]["cli_user"], found[1]["client_address"]) == ("ops", None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"action": "access"}, [DENIED]),
        ({"action": "lineage.job.delete"}, [BY_HAND, CREATED]),
        ({"outcome": "failed"}, [BY_HAND]),
        ({"actor": "ops"}, [BY_HAND]),
        ({"actor": "Abcd1234"}, [DENIED, CREATED]),
        ({"actor": "Abcd1234", "action": "access"}, [DENIED]),
        ({"actor": "nobody"}, []),
        ({"from_": BY_HAND.at.isoformat()}, [DENIED, BY_HAND]),
        ({"to": BY_HAND.at.isoformat()}, [CREATED]),
        ({"from_": BY_HAND.at.isoformat(), "to": DENIED.at.isoformat()}, [BY_HAND]),
    ],
)
async def test_filters(reads: RunningWeb, query: dict[str, str], expected: list[AuditEntry]) -> None:
    assert await targets(reads, **query) == [one.target for one in expected]


async def test_pages_hold_everything_once(reads: RunningWeb) -> None:
    for role in ("owner", "operator"):
        pages = await all_pages(reads, PATH, "entries", role=role, limit=1)
        assert [len(page) for page in pages[:3]] == [1, 1, 1]
        found = [one["target"] for page in pages for one in page]
        assert found == await targets(reads, role)


async def test_the_operator_reads_every_namespace_and_what_is_of_none(reads: RunningWeb) -> None:
    assert (await targets(reads, "operator"))[-1] == BEFORE_IT_WAS.target
    assert await targets(reads, "operator", "/api/v1/namespaces/team-b/audit") == [OF_ANOTHER.target]
    assert await targets(reads, "operator", "/api/v1/namespaces/_operator/audit") == [OF_NOBODY.target]


async def test_nobody_reads_anothers_and_the_name_does_not_tell_whether_it_exists(reads: RunningWeb) -> None:
    answers = []
    for name in ("team-b", "team-x", "_operator"):
        status, problem = await get(reads, f"/api/v1/namespaces/{name}/audit", "owner")
        assert (status, problem["reason"]) == (404, "not_found")
        answers.append(problem["detail"].replace(name, "…"))
    assert len(set(answers)) == 1
    assert (await get(reads, PATH, "stranger"))[0] == 404
    assert (await get(reads, "/api/v1/namespaces/No%20Such/audit", "operator"))[0] == 404


@pytest.mark.parametrize("role", ["reader", "writer", "admin"])
async def test_only_owners_and_the_operator_read_it(reads: RunningWeb, role: str) -> None:
    if role not in reads.keys:
        await reads.issue(reads.parts.directory.namespaces["team-a"], Role(role), role)
    status, problem = await get(reads, PATH, role)
    assert (status, problem["reason"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"action": "no.such"}, "/action"),
        ({"outcome": "x"}, "/outcome"),
        ({"from_": "x"}, "/from"),
        ({"limit": 0}, "/limit"),
    ],
)
async def test_wrong_parameters_are_named(reads: RunningWeb, query: dict[str, Any], pointer: str) -> None:
    status, problem = await get(reads, PATH, "owner", **query)
    assert (status, [one["pointer"] for one in problem["errors"]]) == (400, [pointer])


async def test_the_command_shows_them_page_by_page_and_only_what_is_asked(reads: RunningWeb) -> None:
    async def audit(*arguments: str, role: str = "owner") -> tuple[int, str]:
        where = {"LINEAGEHUB_URL": reads.url, "LINEAGEHUB_API_KEY": reads.keys[role]}
        done = await asyncio.to_thread(run_command, "audit", *arguments, **where)
        return done.returncode, done.stdout

    code, shown = await audit("team-a", "--actor", "ops")
    assert (code, shown.count("\n")) == (0, 1)
    assert all(word in shown for word in ("ops", "lineage.job.delete", "failed", "job:a:two", "runs=2"))
    code, lines = await audit("team-a", "--json", "--limit", "2", role="operator")
    assert code == 0
    assert [json.loads(line)["id"] for line in lines.splitlines()] == [str(DENIED.id), str(BY_HAND.id)]
    assert await audit("team-a", "--outcome", "denied", "--action", "lineage.job.delete") == (0, "")
    assert await audit("team-a", role="stranger") == (1, "")
