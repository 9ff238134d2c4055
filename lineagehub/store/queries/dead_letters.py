"""The dead letters of a namespace: pages of them newest first, one, its bytes, and what a re-drive or a drop concerns."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from lineagehub.contract.dead_letter import MAXIMUM_REDRIVES
from lineagehub.contract.dead_letter_decision import CLAIM_SECONDS, Verdict
from lineagehub.contract.reasons import UNVERIFIED_REASONS, Reason
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import NEWEST_FIRST, Conditions, Page, Position, Source, read_page

State = Literal["open", "redriving", "redriven", "dropped"]

LATEST_MS = 9_223_372_036_854
"""Where `At` ends (migration 0013)."""

_ID = re.compile(r"([A-Za-z0-9._-]{1,249}):([0-9]{1,10}):([0-9]{1,19})@(-?[0-9]{1,19})")

DEAD_LETTERS = Source(
    "dead_letters",
    "read_dead_letters",
    "At",
    (
        "Id",
        "At",
        "DiedAt",
        "State",
        "Reason",
        "Detail",
        "Agent",
        "Topic",
        "Partition",
        "Offset",
        "Attempt",
        "EventId",
        "ContentKind",
        "HasKey",
        "KeyText",
        "IsNull",
        "Size",
        "DecidedAt",
        "Actor",
        "Why",
    ),
)

UNCLAIMED = f"(State = 'open' OR (State = 'redriving' AND DecidedAt < now64(3) - INTERVAL {CLAIM_SECONDS} SECOND))"
"""Nobody is about to send it."""
SENDABLE = "IsNull = 0 AND Attempt <= {max_attempt:UInt8} AND Reason NOT IN {unverified:Array(String)}"
_SENDABLE_PARAMETERS: dict[str, Any] = {
    "max_attempt": MAXIMUM_REDRIVES,
    "unverified": sorted(reason.value for reason in UNVERIFIED_REASONS),
}


class DecisionOnLetter(BaseModel):
    """What was last decided on a letter."""

    at: str = Field(description="RFC 3339, UTC.")
    actor: dict[str, str | None] = Field(description="Who, as in the audit log.")
    why: str


class DeadLetterDocument(BaseModel):
    """A dead letter without its bytes. `kind` and `event_id` are what the record said of itself: proved, but in the operator's lane."""

    id: str
    state: State = Field(
        description="open; redriving: a re-drive has it, or died with it, which the next one finds out; redriven: it was sent again,"
        " and if it failed again it is another letter with one attempt more; dropped."
    )
    reason: str
    detail: str = Field(description="What is wrong with it, often with a JSON pointer.")
    at: str = Field(description="When the broker took the record; RFC 3339, UTC.")
    died_at: str
    agent: str
    topic: str
    partition: int
    offset: int
    attempts: int = Field(description="How often it was sent; above 1 it was re-driven.")
    size: int = Field(description="Bytes of the value.")
    key: str | None = Field(description="The Kafka key; what is not UTF-8 in it is replaced.")
    has_value: bool
    event_id: str | None
    kind: str | None
    decision: DecisionOnLetter | None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which letters; empty or None is any. Times are nanoseconds since the epoch, of the record that died."""

    since: int | None = None
    before: int | None = None
    reasons: Sequence[Reason] = ()
    topic: str | None = None
    ids: Sequence[str] = ()
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim of a letter: by which run, at which time of the broker (ms), where in the log."""

    letter: str
    run: str
    at_ms: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as a re-drive needs it."""

    id: str
    topic: str
    agent: str
    attempt: int
    event_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a letter: value and Kafka key. `letter` is its document's id."""

    letter: str
    value: bytes = field(repr=False)
    key: bytes | None = field(repr=False)


async def find_dead_letters(
    clickhouse: ClickHouse, namespace: str, wanted: DeadLetterFilter, limit: int, after: Position | None
) -> Page:
    """Return a page of the lane's letters, newest first."""
    return await read_page(clickhouse, [DEAD_LETTERS], _conditions(namespace, wanted), NEWEST_FIRST, limit, after)


async def find_dead_letter(clickhouse: ClickHouse, namespace: str, letter: str) -> DeadLetterDocument | None:
    """Return one letter, None if the lane has none of this id."""
    columns = ", ".join(DEAD_LETTERS.columns)
    conditions = _of_id(namespace, letter)
    if conditions is None:
        return None
    rows = await clickhouse.select(
        f"SELECT {columns} FROM read_dead_letters(ns = {{ns:String}}) WHERE {conditions.sql}",  # noqa: S608 constants
        conditions.parameters,
    )
    return dead_letter_document(rows[0]) if rows else None


async def read_content(clickhouse: ClickHouse, namespace: str, letter: str) -> bytes | None:
    """Return the bytes of one letter, None if the lane has none of this id."""
    conditions = _of_id(namespace, letter)
    if conditions is None:
        return None
    rows = await clickhouse.select(
        f"SELECT base64Encode(Value) AS Content FROM read_dead_letters(ns = {{ns:String}}) WHERE {conditions.sql}",  # noqa: S608
        conditions.parameters,
    )
    return base64.b64decode(rows[0]["Content"]) if rows else None


async def find_sendable(clickhouse: ClickHouse, namespace: str, wanted: DeadLetterFilter, limit: int) -> list[Letter]:
    """Return letters that may be re-driven and that nobody is about to send, oldest first."""
    conditions = _conditions(namespace, wanted)
    conditions.add(UNCLAIMED)
    conditions.add(SENDABLE, **_SENDABLE_PARAMETERS)
    rows = await clickhouse.select(
        "SELECT Id, Topic, Agent, Attempt, EventId, Size"  # noqa: S608 constants
        f" FROM read_dead_letters(ns = {{ns:String}}) WHERE {conditions.sql} ORDER BY At, Id LIMIT {{page_limit:UInt32}}",
        {**conditions.parameters, "page_limit": limit},
    )
    return [
        Letter(
            row["Id"],
            row["Topic"],
            row["Agent"],
            int(row["Attempt"]),
            row["EventId"],
            int(row["Size"]),
        )
        for row in rows
    ]


async def find_droppable(clickhouse: ClickHouse, namespace: str, wanted: DeadLetterFilter, limit: int) -> list[str]:
    """Return the ids of letters that nobody is about to send, oldest first."""
    conditions = _conditions(namespace, wanted)
    conditions.add(UNCLAIMED)
    rows = await clickhouse.select(
        f"SELECT Id FROM read_dead_letters(ns = {{ns:String}}) WHERE {conditions.sql} ORDER BY At, Id LIMIT {{page_limit:UInt32}}",  # noqa: S608
        {**conditions.parameters, "page_limit": limit},
    )
    return [row["Id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Undecided:
    """How many letters of a filter are undecided: may be re-driven, are being re-driven, may only be dropped."""

    sendable: int
    claimed: int
    exhausted: int


async def count_undecided(clickhouse: ClickHouse, namespace: str, wanted: DeadLetterFilter) -> Undecided:
    """Return how many letters of the filter are undecided."""
    conditions = _conditions(namespace, wanted)
    rows = await clickhouse.select(
        f"SELECT countIf({UNCLAIMED} AND {SENDABLE}) AS Sendable,"  # noqa: S608 constants
        f" countIf(State = 'redriving' AND NOT {UNCLAIMED}) AS Claimed, countIf({UNCLAIMED} AND NOT ({SENDABLE})) AS Exhausted"
        f" FROM read_dead_letters(ns = {{ns:String}}) WHERE {conditions.sql}",
        conditions.parameters | _SENDABLE_PARAMETERS,
    )
    return Undecided(int(rows[0]["Sendable"]), int(rows[0]["Claimed"]), int(rows[0]["Exhausted"]))


async def read_contents(clickhouse: ClickHouse, namespace: str, letters: Sequence[str]) -> list[Content]:
    """Return the bytes of these letters, in no order."""
    rows = await clickhouse.select(
        "SELECT Id, base64Encode(Value) AS Content, HasKey, base64Encode(Key) AS KafkaKey"
        " FROM read_dead_letters(ns = {ns:String}) WHERE Id IN {ids:Array(String)}",
        {"ns": namespace, "ids": list(letters)},
    )
    return [
        Content(
            row["Id"],
            base64.b64decode(row["Content"]),
            base64.b64decode(row["KafkaKey"]) if int(row["HasKey"]) else None,
        )
        for row in rows
    ]


async def find_claims(clickhouse: ClickHouse, namespace: str, run: str) -> list[Claimed]:
    """Return all claims of the letters that this run has claimed, its own included."""
    rows = await clickhouse.select(
        "SELECT Letter, Run, toUnixTimestamp64Milli(DecidedAt) AS AtMs, DecisionOffset"
        " FROM read_dead_letter_decisions(ns = {ns:String}) WHERE Verdict = {verdict:String} AND Letter IN"
        " (SELECT Letter FROM read_dead_letter_decisions(ns = {ns:String}) WHERE Run = {run:String})",
        {"ns": namespace, "run": run, "verdict": Verdict.CLAIMED.value},
    )
    return [Claimed(row["Letter"], row["Run"], int(row["AtMs"]), int(row["DecisionOffset"])) for row in rows]


async def find_returned(clickhouse: ClickHouse, namespace: str, event_ids: Sequence[str], since_ms: int) -> list[str]:
    """Return the ids of open letters that were re-driven since a moment and failed again, of these event ids."""
    rows = await clickhouse.select(
        "SELECT Id FROM read_dead_letters(ns = {ns:String}) WHERE State = 'open' AND Attempt > 1"
        " AND At >= fromUnixTimestamp64Milli({since:Int64}) AND EventId IN {ids:Array(String)}",
        {"ns": namespace, "since": since_ms, "ids": list(event_ids)},
    )
    return [row["Id"] for row in rows]


def dead_letter_document(row: dict[str, Any]) -> DeadLetterDocument:
    """Return a row of `find_dead_letters` as a document."""
    decided = row["State"] != "open"
    return DeadLetterDocument(
        id=row["Id"],
        state=row["State"],
        reason=row["Reason"],
        detail=row["Detail"],
        at=row["At"],
        died_at=row["DiedAt"],
        agent=row["Agent"],
        topic=row["Topic"],
        partition=row["Partition"],
        offset=row["Offset"],
        attempts=row["Attempt"],
        size=row["Size"],
        key=row["KeyText"] if row["HasKey"] else None,
        has_value=not row["IsNull"],
        event_id=row["EventId"] or None,
        kind=row["ContentKind"] or None,
        decision=DecisionOnLetter(at=row["DecidedAt"], actor=orjson.loads(row["Actor"]), why=row["Why"])
        if decided
        else None,
    )


def _conditions(namespace: str, wanted: DeadLetterFilter) -> Conditions:
    conditions = Conditions({"ns": namespace})
    conditions.add_window(DEAD_LETTERS, wanted.since, wanted.before)
    if wanted.reasons:
        conditions.add("Reason IN {reasons:Array(String)}", reasons=[reason.value for reason in wanted.reasons])
    if wanted.topic is not None:
        conditions.add("Topic = {topic:String}", topic=wanted.topic)
    if wanted.ids:
        conditions.add("Id IN {ids:Array(String)}", ids=list(wanted.ids))
    if wanted.state is not None:
        conditions.add("State = {state:String}", state=wanted.state)
    return conditions


def _of_id(namespace: str, letter: str) -> Conditions | None:
    """Return what finds one letter by the table's sort key; None for what is no id."""
    found = _ID.fullmatch(letter)
    if found is None:
        return None
    topic, partition, offset, timestamp_ms = found.group(1), *map(int, found.groups()[1:])
    if partition >= 2**31 or offset >= 2**63 or not -(2**63) <= timestamp_ms < 2**63:
        return None
    return Conditions(
        {
            "ns": namespace,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "ms": timestamp_ms,
            "at": min(max(timestamp_ms, 0), LATEST_MS),
        },
        [
            "At = fromUnixTimestamp64Milli({at:Int64}) AND Topic = {topic:String}",
            "Partition = {partition:Int32} AND Offset = {offset:Int64} AND TimestampMs = {ms:Int64}",
        ],
    )
