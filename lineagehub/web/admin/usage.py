"""`GET /api/v1/namespaces/{name}/usage`: what a namespace has sent, by day and signal. From memory: the quota agent's totals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import KEPT_DAYS, Counts, UsageTotal, Verdict, date_of, verdict_of
from lineagehub.web.admin.namespaces import manager_of_namespaces
from lineagehub.web.admin.refusing import refusing
from lineagehub.web.admin.targets import target_namespace
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS
from lineagehub.web.queries.parameters import read_query, refuse_parameters


class UsageQuery(BaseModel):
    """Which days, both included; without, today. A day is one of UTC."""

    since: date | None = Field(None, alias="from", description="A day, such as 2026-01-31.")
    until: date | None = Field(None, alias="to", description="A day, not before `from`.")


class UsageCounts(BaseModel):
    """Events, by what became of them: received = stored + duplicate + dead_lettered + over_quota."""

    received: int
    stored: int
    duplicate: int = Field(description="Events that were there under the same id; not charged.")
    dead_lettered: int
    over_quota: int = Field(description="Kept on the topic of over-quota records; not charged.")
    bytes: int = Field(description="Of what is charged.")
    redriven: int = Field(
        description="Sent again from the dead letters and stored; received and charged when they died, so in no other number here."
    )


class UsageDay(BaseModel):
    """One day of UTC."""

    day: date
    used: int = Field(description="What counts against the limit: stored and dead-lettered.")
    limit: int = Field(description="The limit in force now.")
    verdict: Verdict
    as_of: datetime | None = Field(description="When it was counted last; null if nothing was.")
    total: UsageCounts
    signals: dict[Signal, UsageCounts]


class UsageReport(BaseModel):
    """What a namespace has sent."""

    namespace: str
    is_complete: bool = Field(
        description="Whether this hub has read all that is counted; else the numbers are too low."
    )
    days: list[UsageDay] = Field(description=f"Oldest first; at most {KEPT_DAYS}.")


async def read_usage(request: web.Request) -> web.Response:
    """Answer the days asked for."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
    query = read_query(request, UsageQuery)
    parts = request.app[PARTS]
    quota, today = parts.quota, date_of(parts.now_ms())
    limit = quota.limit_of(namespace.name).soft
    days = [
        _day(day, quota.book.of_day(namespace.name, day.isoformat()), limit)
        for day in _days(query, namespace.created_at.date(), today)
    ]
    return model_answer(UsageReport(namespace=namespace.name, is_complete=quota.is_known(), days=days))


def _days(query: UsageQuery, first: date, today: date) -> list[date]:
    until = query.until or max(today, query.since or today)
    since = query.since or min(today, until)
    if since > until:
        raise refuse_parameters([Fault("/from", "must not be after `to`.")])
    if (until - since).days >= KEPT_DAYS:
        raise refuse_parameters([Fault("/from", f"must be less than {KEPT_DAYS} days before `to`.")])
    asked = [since + timedelta(number) for number in range((until - since).days + 1)]
    # The days before are those of a former namespace of this name.
    return [day for day in asked if day >= first]


def _day(day: date, totals: Mapping[Signal, UsageTotal], limit: int) -> UsageDay:
    counts = sum((total.counts for total in totals.values()), Counts())
    as_of = max((total.as_of for total in totals.values()), default=None)
    return UsageDay(
        day=day,
        used=counts.charged,
        limit=limit,
        verdict=verdict_of(counts.charged, limit),
        as_of=None if as_of is None else datetime.fromtimestamp(as_of / 1000, UTC),
        total=_counts(counts),
        signals={signal: _counts(total.counts) for signal, total in sorted(totals.items())},
    )


def _counts(counts: Counts) -> UsageCounts:
    return UsageCounts(
        received=counts.received,
        stored=counts.stored,
        duplicate=counts.duplicate,
        dead_lettered=counts.dead_lettered,
        over_quota=counts.over_quota,
        bytes=counts.bytes,
        redriven=counts.redriven,
    )
