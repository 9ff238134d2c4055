"""`/stats`: the counts of Marquez's dashboard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.marquez.stats import (
    Counted,
    Interval,
    days_of_week,
    event_counts,
    hours_of_day,
    totals,
)
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import UpperCase, tenant_of
from lineagehub.web.queries.parameters import read_query, refuse_parameters


class StatsQuery(BaseModel):
    """Which time."""

    period: Annotated[Literal["DAY", "WEEK"], UpperCase]
    timezone: str | None = Field(None, max_length=100, description="A name of the IANA database; needed for a week.")


async def read_marquez_event_stats(request: web.Request) -> web.Response:
    """Answer how many events of each type there were."""
    intervals = _intervals(request)
    return json_answer(await event_counts(await tenant_of(request), intervals))


async def read_marquez_job_stats(request: web.Request) -> web.Response:
    """Answer how many jobs there were."""
    return await _totals(request, "jobs")


async def read_marquez_dataset_stats(request: web.Request) -> web.Response:
    """Answer how many datasets there were."""
    return await _totals(request, "datasets")


async def read_marquez_source_stats(request: web.Request) -> web.Response:
    """Answer how many sources there were."""
    return await _totals(request, "sources")


async def _totals(request: web.Request, counted: Counted) -> web.Response:
    intervals = _intervals(request)
    return json_answer(await totals(await tenant_of(request), counted, intervals))


def _intervals(request: web.Request) -> list[Interval]:
    query = read_query(request, StatsQuery)
    now = datetime.now(UTC)
    if query.period == "DAY":
        return hours_of_day(now)
    if not query.timezone:
        raise refuse_parameters([Fault("/timezone", "must be given for the period WEEK.")])
    try:
        # The plus of Etc/GMT+5, not encoded, has become a space.
        return days_of_week(now, ZoneInfo(query.timezone.replace(" ", "+")))
    except (ValueError, OSError, KeyError) as error:
        raise refuse_parameters([Fault("/timezone", "must be a name of the IANA time zone database.")]) from error
