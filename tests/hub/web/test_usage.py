"""Usage and the daily quota over HTTP: what a reader sees, what a sender hears, and that nothing is refused while nobody knows."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import USAGE
from lineagehub.contract.usage import CountedTo, Counts, UsageTotal, Verdict, encode
from lineagehub.quota.daily import DailyQuota, DayLimit
from lineagehub.quota.usage_book import UsageBook
from lineagehub.web.app import create_app
from lineagehub.web.serve import listening
from tests.hub.web.running import READY_SECONDS, RunningWeb
from tests.hub.web.samples import run_event, trace_json
from tests.support.waiting import wait_until_async

INGEST = "/api/v1/lineage/ingest"


@pytest.fixture
async def now(web: RunningWeb) -> datetime:
    """The time of these webs, which stands still, so that no midnight passes between two requests: when team-a was made."""
    async with web.client.get("/api/v1/namespaces/team-a", headers=web.headers("owner")) as answer:
        return datetime.fromisoformat((await answer.json())["created_at"])


def total(now: datetime, counts: Counts, signal: Signal = Signal.LINEAGE, days_ago: int = 0) -> UsageTotal:
    """Return what the quota agent says of team-a."""
    as_of = int(now.timestamp() * 1000)
    counted = {"events:0": CountedTo(9, as_of)}
    return UsageTotal("team-a", day(now, days_ago), signal, counts, counted, as_of, 10_000_000, Verdict.WITHIN)


def day(now: datetime, days_ago: int = 0) -> str:
    """Return a day as usage names it."""
    return (now - timedelta(days_ago)).date().isoformat()


@contextlib.asynccontextmanager
async def standing_still(web: RunningWeb, now: datetime, **other_parts: Any) -> AsyncIterator[RunningWeb]:
    """Run a web beside the session's, whose clock stands at `now`."""
    parts = dataclasses.replace(web.parts, now_ms=lambda: int(now.timestamp() * 1000), **other_parts)
    async with listening(create_app(web.settings, parts), web.settings) as url:
        yield dataclasses.replace(web, url=url, parts=parts)


@pytest.fixture
async def limited(web: RunningWeb, now: datetime) -> AsyncIterator[RunningWeb]:
    """A web where team-a has used 995 of 1,000 events."""
    book = UsageBook()
    book.put(total(now, Counts(stored=990, dead_lettered=5, duplicate=77, over_quota=3)))
    quota = DailyQuota(book, lambda _: DayLimit(1_000, 1_000), lambda: True)
    async with standing_still(web, now, quota=quota) as running:
        yield running


async def send(web: RunningWeb, count: int) -> tuple[int, dict[str, str], dict[str, object]]:
    """Send so many events in one request."""
    events = [run_event() for _ in range(count)]
    async with web.client.post(f"{web.url}{INGEST}", json={"events": events}, headers=web.headers()) as answer:
        return answer.status, dict(answer.headers), await answer.json(content_type=None)


async def test_usage_is_shown_by_day_and_signal_and_adds_up(web: RunningWeb, now: datetime) -> None:
    totals = [
        total(now, Counts(stored=10, duplicate=2, dead_lettered=1, over_quota=4, bytes=100, redriven=3)),
        total(now, Counts(stored=100, bytes=50), Signal.TRACES),
        total(now, Counts(stored=7), days_ago=1),
    ]
    for one in totals:
        await web.parts.producer.send(web.settings.kafka.topic_name(USAGE), encode(one), key=one.key)

    async def known() -> bool:
        return web.parts.quota.book.used("team-a", day(now)) == 111

    await wait_until_async(known, READY_SECONDS, "the totals to be known")
    async with standing_still(web, now) as running:
        own, all_since_yesterday = await usage(running), await usage(running, **{"from": day(now, 1)})
    (today,) = own
    assert (today["day"], today["used"], today["limit"], today["verdict"]) == (day(now), 111, 10_000_000, "within")
    assert today["as_of"].startswith(day(now))
    assert today["signals"]["lineage"] == {
        "received": 17,
        "stored": 10,
        "duplicate": 2,
        "dead_lettered": 1,
        "over_quota": 4,
        "bytes": 100,
        "redriven": 3,
    }
    assert today["total"]["received"] == 117
    assert all_since_yesterday == own, "the namespace was made today; before, its name was another's"


async def usage(web: RunningWeb, **query: str) -> list[dict[str, Any]]:
    """Return the days that the owner of team-a sees."""
    path = f"{web.url}/api/v1/namespaces/team-a/usage"
    async with web.client.get(path, params=query, headers=web.headers("owner")) as answer:
        assert answer.status == 200
        return list((await answer.json())["days"])


@pytest.mark.parametrize(
    "query", [{"from": "yesterday"}, {"from": "2026-02-01", "to": "2026-01-31"}, {"from": "2020-01-01"}]
)
async def test_wrong_days_are_refused(web: RunningWeb, query: dict[str, str]) -> None:
    async with web.client.get("/api/v1/namespaces/team-a/usage", params=query, headers=web.headers("owner")) as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["errors"][0]["pointer"] == "/from"


async def test_anothers_usage_is_not_there(web: RunningWeb) -> None:
    async with web.client.get("/api/v1/namespaces/team-a/usage", headers=web.headers("stranger")) as answer:
        assert answer.status == 404


async def test_a_request_that_does_not_fit_into_the_day_is_429_and_one_that_does_is_taken(
    limited: RunningWeb, now: datetime
) -> None:
    status, headers, problem = await send(limited, 6)
    assert status == 429
    assert (problem["reason"], problem["limit"], problem["used"]) == ("quota_exceeded", 1_000, 995)
    assert problem["resets_at"] == f"{day(now, -1)}T00:00:00Z"
    assert 1 <= int(headers["Retry-After"]) <= 3_600
    assert (await send(limited, 5))[0] == 200
    status, headers, problem = await send(limited, 1)
    assert (status, problem["used"]) == (429, 1_000), "what was let in counts before the totals do"
    assert '"day";q=1000;w=86400' in headers["RateLimit-Policy"]
    assert '"day";r=0;t=' in headers["RateLimit"]


async def test_spans_share_the_limit_and_hear_it_as_otlp_says(limited: RunningWeb) -> None:
    async with limited.client.post(f"{limited.url}/v1/traces", json=trace_json(), headers=limited.headers()) as answer:
        assert answer.status == 200
    assert (await send(limited, 5))[0] == 429
    assert (await send(limited, 4))[0] == 200
    async with limited.client.post(f"{limited.url}/v1/traces", json=trace_json(), headers=limited.headers()) as answer:
        assert answer.status == 429
        assert "Retry-After" in answer.headers
        assert (await answer.json())["code"] == 8


async def test_while_usage_is_unknown_nothing_is_refused_and_readyz_says_so(web: RunningWeb) -> None:
    book = UsageBook()
    not_begun = CompactedView(web.settings.kafka, USAGE.name, book.apply)
    quota = DailyQuota(book, lambda _: DayLimit(0, 0), lambda: not_begun.is_complete)
    parts = dataclasses.replace(web.parts, quota=quota, usage_view=not_begun)
    async with listening(create_app(web.settings, parts), web.settings) as url:
        assert (await send(dataclasses.replace(web, url=url), 3))[0] == 200
        async with web.client.get(f"{url}/readyz") as answer:
            assert answer.status == 200
            usage = (await answer.json())["dependencies"]["usage"]
    assert not usage["ok"]
    assert "daily quotas refuse nothing" in usage["reason"]
