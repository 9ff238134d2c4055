"""Abuse of rates and quotas over HTTP (bad input G01, G03, G07): what is let in, to the item, whatever the clock on the wall says."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from lineagehub.contract.limits import Limits
from tests.hub.web.limiting import LimitedTenant, LimitedWeb, Reply, limited_web
from tests.hub.web.running import RunningWeb, settings_for
from tests.hub.web.samples import run_event

pytestmark = pytest.mark.asyncio(loop_scope="session")

RATE, BURST, SECONDS = 20, 30, 10
HOUR = 3_600


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(web: RunningWeb) -> AsyncIterator[LimitedWeb]:
    """A web whose rates go by the test's clock, which stands where `time.monotonic` does."""
    async with limited_web(settings_for(web.settings.kafka)) as running:
        yield running


async def send(tenant: LimitedTenant) -> Reply:
    """Send one event on a route that is the hub's own."""
    body = orjson.dumps({"events": [run_event()]})
    return await tenant.send("POST", "/api/v1/lineage/ingest", body, Content_Type="application/json")


async def test_of_twice_the_rate_for_ten_seconds_the_rate_and_the_burst_are_taken_and_the_rest_hears_when(
    limited: LimitedWeb,
) -> None:
    tenant = await limited.tenant(requests_per_second=RATE, burst=BURST)
    replies = []
    for _ in range(2 * RATE * SECONDS):
        limited.now += 1 / (2 * RATE)
        replies.append(await send(tenant))
    statuses = Counter(reply.status for reply in replies)
    assert set(statuses) == {200, 429}
    # What flowed in before the bucket was empty for the first time is lost to nobody: it is the rate's.
    assert statuses[200] == pytest.approx(RATE * SECONDS + BURST, abs=1)
    refused = [reply for reply in replies if reply.status == 429]
    assert {json.loads(reply.body)["reason"] for reply in refused} == {"rate_limited"}
    assert all(int(reply.headers["Retry-After"]) >= 1 for reply in refused)


async def test_a_clock_on_the_wall_that_jumps_an_hour_gives_no_burst_and_takes_no_rate(
    limited: LimitedWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await limited.tenant(requests_per_second=RATE, burst=BURST)
    wall, wall_ns = time.time, time.time_ns

    def jump(seconds: int) -> None:
        monkeypatch.setattr(time, "time", lambda: wall() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + seconds * 10**9)

    for _ in range(BURST):
        assert (await send(tenant)).status == 200
    for seconds in (-HOUR, HOUR):
        jump(seconds)
        refused = await send(tenant)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1"), "neither a free burst nor an hour's wait"
        limited.now += 1
        for _ in range(RATE):
            reply = await send(tenant)
            assert reply.status == 200, "what flowed in meanwhile is there"
        assert reply.headers["RateLimit"].startswith('"rps";r=0;')
        assert (await send(tenant)).status == 429


async def test_who_is_throttled_with_503_fills_no_log_with_warnings_and_a_fault_of_the_hub_is_one(
    limited: LimitedWeb, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = await limited.tenant(requests_per_second=1, burst=1)
    with caplog.at_level(logging.INFO), capture_logs() as logs:
        for _ in range(3):
            await tenant.send("POST", "/api/v1/lineage", orjson.dumps(run_event()), Content_Type="application/json")
        await tenant.send("GET", "/api/v1/search?q=no-store-is-there", None)
    answered = [
        (entry["status"], entry["reason"], entry["log_level"]) for entry in logs if entry["event"] == "Answered."
    ]
    assert answered == [(503, "rate_limited", "info")] * 2 + [(503, "unavailable", "warning")]


@pytest.mark.parametrize("name", ["events_per_day", "requests_per_second", "bytes_per_second"])
async def test_a_limit_of_zero_rejects_all_for_an_hour_at_a_time_until_it_is_raised(
    limited: LimitedWeb, name: str
) -> None:
    tenant = await limited.tenant(**{name: 0})
    for _ in range(2):
        refused = await send(tenant)
        assert refused.status == 429
        assert refused.headers["Retry-After"] == "3600"
        limited.now += HOUR
    await tenant.set(Limits())
    assert (await send(tenant)).status == 200
