"""`/api/v1/namespaces/{name}/dead-letters` on the embedded ClickHouse: whose they are, every filter, every page, the bytes."""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from lineagehub.contract.audit import Actor
from lineagehub.contract.control import Role
from lineagehub.contract.dead_letter import DeadLetter
from lineagehub.contract.dead_letter_decision import Decision, Verdict
from lineagehub.contract.reasons import Reason
from lineagehub.store.landing import (
    DEAD_LETTER_DECISIONS_IN,
    DEAD_LETTERS_IN,
    LandingTable,
    encode_dead_letter,
    encode_record,
    insert_settings,
)
from tests.hub.web.reading import all_pages, get, items
from tests.hub.web.running import RunningWeb

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH = "/api/v1/namespaces/team-a/dead-letters"
NOW_MS = 1_769_860_800_000
BYTES = b"<script>alert(1)</script>\x00\xff\xfe"


def letter(offset: int, reason: Reason = Reason.SCHEMA_INVALID, **members: Any) -> DeadLetter:
    """A letter of as many seconds after NOW_MS as its offset says."""
    defaults: dict[str, Any] = {
        "reason": reason,
        "detail": "/run is missing.",
        "agent": "lineage-store",
        "topic": "openlineage-events",
        "partition": 2,
        "offset": offset,
        "timestamp_ms": NOW_MS + offset * 1000,
        "key": b"run:a/b",
    }
    return DeadLetter(**defaults | members)


FIRST = letter(1)
OTHER_TOPIC = letter(2, Reason.INVALID_PROTOBUF, topic="otel-spans", key=None, attempt=2)
REDRIVEN = letter(3)
DROPPED = letter(4)
NULL = letter(5, Reason.NULL_VALUE, is_null=True, key=b"\xff")
CLAIMED = letter(6)
BEFORE_TIME = letter(7, Reason.CLOCK_SKEW, timestamp_ms=-5)
AFTER_TIME = letter(8, Reason.CLOCK_SKEW, timestamp_ms=2**62)
OF_ANOTHER = letter(9)
UNSIGNED = letter(10, Reason.UNSIGNED)
OWN = (FIRST, OTHER_TOPIC, REDRIVEN, DROPPED, NULL, CLAIMED, BEFORE_TIME, AFTER_TIME)


async def insert(web: RunningWeb, table: LandingTable, namespace: str, value: bytes, event_id: str = "") -> None:
    """Insert one record as the agent does."""
    row = encode_record(
        namespace=namespace,
        event_id=event_id,
        topic="tests",
        partition=0,
        offset=0,
        received_at_ms=time.time_ns() // 1_000_000,
        retention_days=3650,
        value=value,
    )
    await web.parts.clickhouse.insert(table.name, "Protobuf", row, insert_settings(table, uuid.uuid4().hex))


async def decide(web: RunningWeb, verdict: Verdict, of: DeadLetter, why: str = "") -> None:
    """Insert a decision."""
    decision = Decision(
        id=uuid.uuid4(),
        run=uuid.uuid4(),
        at="2026-01-31T12:00:00Z",
        namespace="team-a",
        verdict=verdict,
        letters=(of.id,),
        actor=Actor(key_id="Abcd1234", role=Role.OWNER),
        why=why,
    )
    await insert(web, DEAD_LETTER_DECISIONS_IN, "team-a", decision.model_dump_json().encode())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reads(reading_web: RunningWeb) -> RunningWeb:
    """All of these letters, one of them twice, as a crash before the commit leaves it, by two agents."""
    for of in (*OWN, letter(1, agent="marquez")):
        await insert(reading_web, DEAD_LETTERS_IN, "team-a", encode_dead_letter(of, "openlineage+json", BYTES), "id-1")
    await insert(reading_web, DEAD_LETTERS_IN, "team-b", encode_dead_letter(OF_ANOTHER, "", BYTES))
    await insert(reading_web, DEAD_LETTERS_IN, "_operator", encode_dead_letter(UNSIGNED, "", BYTES))
    for verdict, of in (
        (Verdict.CLAIMED, REDRIVEN),
        (Verdict.REDRIVEN, REDRIVEN),
        (Verdict.DROPPED, DROPPED),
        (Verdict.CLAIMED, CLAIMED),
    ):
        await decide(reading_web, verdict, of, "it is old" if verdict is Verdict.DROPPED else "")
    return reading_web


async def ids(web: RunningWeb, role: str = "owner", path: str = PATH, **query: Any) -> list[str]:
    return [one["id"] for one in await items(web, path, "letters", role, **query)]


async def test_a_letter_is_shown_once_with_its_reason_place_and_count(reads: RunningWeb) -> None:
    found = {one["id"]: one for one in await items(reads, PATH, "letters", "owner")}
    assert set(found) == {one.id for one in OWN}
    expected = {
        "id": f"openlineage-events:2:1@{NOW_MS + 1000}",
        "state": "open",
        "reason": "schema_invalid",
        "detail": "/run is missing.",
        "at": "2026-01-31T12:00:01.000Z",
        "agent": "marquez",
        "topic": "openlineage-events",
        "partition": 2,
        "offset": 1,
        "attempts": 1,
        "size": len(BYTES),
        "key": "run:a/b",
        "has_value": True,
        "event_id": "id-1",
        "kind": "openlineage+json",
        "decision": None,
    }
    first = found[FIRST.id]
    assert first.pop("died_at").endswith("Z")
    assert first == expected
    assert (found[OTHER_TOPIC.id]["attempts"], found[OTHER_TOPIC.id]["key"]) == (2, None)
    assert (found[NULL.id]["has_value"], found[NULL.id]["key"]) == (False, "\N{REPLACEMENT CHARACTER}")
    status, alone = await get(reads, f"{PATH}/{FIRST.id}", "owner")
    assert status == 200
    alone.pop("died_at")
    assert alone == expected


async def test_what_was_decided_is_shown_with_who_and_why(reads: RunningWeb) -> None:
    found = {one["id"]: one for one in await items(reads, PATH, "letters", "owner")}
    states = {one.id: found[one.id]["state"] for one in (FIRST, REDRIVEN, DROPPED, CLAIMED)}
    assert list(states.values()) == ["open", "redriven", "dropped", "redriving"]
    assert found[DROPPED.id]["decision"]["why"] == "it is old"
    assert found[DROPPED.id]["decision"]["actor"]["key_id"] == "Abcd1234"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"reason": "invalid_protobuf"}, [OTHER_TOPIC]),
        ({"reason": ["invalid_protobuf", "null_value"]}, [NULL, OTHER_TOPIC]),
        ({"reason": "unsigned"}, []),
        ({"state": "dropped"}, [DROPPED]),
        ({"state": "redriving"}, [CLAIMED]),
        ({"state": "open", "reason": "schema_invalid"}, [FIRST]),
        ({"topic": "otel-spans"}, [OTHER_TOPIC]),
        ({"from_": "2026-01-31T12:00:05Z", "to": "2026-01-31T12:00:07Z"}, [CLAIMED, NULL]),
        ({"to": "1970-01-01T00:00:01Z"}, [BEFORE_TIME]),
    ],
)
async def test_filters(reads: RunningWeb, query: dict[str, Any], expected: list[DeadLetter]) -> None:
    assert await ids(reads, **query) == [one.id for one in expected]


async def test_letters_of_impossible_times_are_at_the_ends_and_can_be_read(reads: RunningWeb) -> None:
    found = await ids(reads)
    assert (found[0], found[-1]) == (AFTER_TIME.id, BEFORE_TIME.id)
    for one in (AFTER_TIME, BEFORE_TIME):
        assert (await get(reads, f"{PATH}/{one.id}", "owner"))[0] == 200


async def test_pages_hold_everything_once(reads: RunningWeb) -> None:
    pages = await all_pages(reads, PATH, "letters", role="owner", limit=3)
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [one["id"] for page in pages for one in page] == await ids(reads)


async def test_the_bytes_come_as_they_were_to_be_saved_and_never_to_be_shown(reads: RunningWeb) -> None:
    url = f"{PATH}/{quote(FIRST.id, safe='')}/content"
    async with reads.client.get(url, headers=reads.headers("owner")) as answer:
        assert (answer.status, await answer.read()) == (200, BYTES)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        name = f"dead-letter-openlineage-events-2-1-{NOW_MS + 1000}.bin"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_operator_reads_what_nobody_proved_and_nothing_else(reads: RunningWeb) -> None:
    lane = "/api/v1/namespaces/_operator/dead-letters"
    assert await ids(reads, "operator", lane) == [UNSIGNED.id]
    async with reads.client.get(f"{lane}/{UNSIGNED.id}/content", headers=reads.headers("operator")) as answer:
        assert await answer.read() == BYTES
    for path in (PATH, f"{PATH}/{FIRST.id}", f"{PATH}/{FIRST.id}/content"):
        assert (await get(reads, path, "operator"))[0] == 404


@pytest.mark.parametrize(
    "rest", ["", f"/{FIRST.id}", f"/{FIRST.id}/content", "/openlineage-events:2:999@1", "/x", "/%00"]
)
async def test_another_namespaces_letters_are_what_does_not_exist(reads: RunningWeb, rest: str) -> None:
    answers = []
    for name in ("team-a", "team-x", "_operator"):
        status, problem = await get(reads, f"/api/v1/namespaces/{name}/dead-letters{rest}", "stranger")
        assert (status, problem["reason"]) == (404, "not_found")
        answers.append(problem["detail"].replace(name, "…"))
    assert len(set(answers)) == 1


async def test_one_cannot_read_anothers_letter_in_ones_own_namespace(reads: RunningWeb) -> None:
    for rest in (OF_ANOTHER.id, UNSIGNED.id, f"{OF_ANOTHER.id}/content", "x", "otel-spans:9999999999:1@1"):
        assert (await get(reads, f"{PATH}/{rest}", "owner"))[0] == 404


@pytest.mark.parametrize("role", ["reader", "writer"])
@pytest.mark.parametrize("action", ["redrive", "drop"])
async def test_readers_and_writers_have_nothing_to_do_with_them(reads: RunningWeb, role: str, action: str) -> None:
    assert (await get(reads, PATH, role))[0] == 403
    async with reads.client.post(f"{PATH}/{action}", json={}, headers=reads.headers(role)) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reasons": ["no_such"]}, "/reasons/0"),
        ({"limit": 1_001}, "/limit"),
        ({"from": "yesterday"}, "/from"),
        ({"unheard_of": 1}, "/unheard_of"),
        ({"ids": [""]}, "/ids/0"),
        ({"on_failure": "panic"}, "/on_failure"),
    ],
)
async def test_what_a_redrive_cannot_mean_is_refused_where_it_stands(
    reads: RunningWeb, body: dict[str, Any], pointer: str
) -> None:
    async with reads.client.post(f"{PATH}/redrive", json=body, headers=reads.headers("owner")) as answer:
        problem = await answer.json()
        assert (answer.status, problem["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("body", [{}, {"dry_run": True}])
async def test_what_nobody_proved_is_never_redriven(reads: RunningWeb, body: dict[str, Any]) -> None:
    path = "/api/v1/namespaces/_operator/dead-letters/redrive"
    async with reads.client.post(path, json=body, headers=reads.headers("operator")) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (409, "not_redrivable")
