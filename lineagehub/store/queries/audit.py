"""The audit log of a namespace, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import NEWEST_FIRST, Conditions, Page, Position, Source, read_page


class AuditRecord(BaseModel):
    """One entry, as it was written (contract/audit.py). Words that this version of the hub does not know are shown as they are."""

    id: str
    at: str = Field(description="RFC 3339, UTC.")
    namespace: str
    actor: dict[str, str | None] = Field(
        description="Who: a key's id and role, or the user at the hub's command line; null: not so."
    )
    action: str
    target: str = Field(description="What: a node id, a route, …")
    outcome: str = Field(description="requested, done, failed or denied.")
    request_id: str
    client_address: str | None
    detail: dict[str, str | int]


AUDIT = Source(
    "audit",
    "read_audit",
    "At",
    ("Id", "At", "Namespace", "Actor", "Action", "Target", "Outcome", "RequestId", "ClientAddress", "Detail"),
)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None is any. Times are nanoseconds since the epoch; `actor` is a key id, a user, or a role."""

    since: int | None = None
    before: int | None = None
    action: str | None = None
    outcome: str | None = None
    actor: str | None = None


async def find_audit(
    clickhouse: ClickHouse, namespace: str, wanted: AuditFilter, limit: int, after: Position | None
) -> Page:
    """Return a page of the namespace's entries, newest first."""
    conditions = Conditions({"ns": namespace})
    conditions.add_window(AUDIT, wanted.since, wanted.before)
    if wanted.action is not None:
        conditions.add("Action = {action:String}", action=wanted.action)
    if wanted.outcome is not None:
        conditions.add("Outcome = {outcome:String}", outcome=wanted.outcome)
    if wanted.actor is not None:
        conditions.add(
            "has(mapValues(JSONExtract(Actor, 'Map(String, Nullable(String))')), {actor:String})", actor=wanted.actor
        )
    return await read_page(clickhouse, [AUDIT], conditions, NEWEST_FIRST, limit, after)


def audit_record(row: dict[str, Any]) -> AuditRecord:
    """Return a row of `find_audit` as an entry."""
    return AuditRecord(
        id=row["Id"],
        at=row["At"],
        namespace=row["Namespace"],
        actor=orjson.loads(row["Actor"]),
        action=row["Action"],
        target=row["Target"],
        outcome=row["Outcome"],
        request_id=row["RequestId"],
        client_address=row["ClientAddress"] or None,
        detail=orjson.loads(row["Detail"] or "{}"),
    )
