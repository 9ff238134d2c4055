"""Two webs on one broker: each gives half of every rate, and all of it once the other stops or is killed. The clock is the test's."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import CONTROL, REPLICAS
from tests.bench.processes import start_lineagehub
from tests.hub.web.limiting import LimitedTenant, LimitedWeb, limited_web
from tests.hub.web.running import SECRET_KEY, RunningWeb, settings_for
from tests.hub.web.samples import run_event
from tests.support.waiting import wait_until_async

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

RATE = 10
COUNTED_SECONDS = 60
"""A killed web is counted for 10 s more."""


async def gained_in_a_second(web: LimitedWeb, tenant: LimitedTenant) -> int:
    """Return how many events come in a second: use all that is left, and see what is left a second later."""
    web.now += 3_600
    body = orjson.dumps([run_event() for _ in range(RATE)])
    taken = await tenant.send("POST", "/api/v1/lineage/batch", body, Content_Type="application/json")
    assert (taken.status, taken.remaining) == (204, 0)
    web.now += 1
    return (await tenant.send("POST", "/api/v1/lineage", b"{", Content_Type="application/json")).remaining


async def until(web: LimitedWeb, count: int) -> None:
    """Wait until the web counts so many, as its metrics say."""

    async def counted() -> bool:
        async with web.client.get("/metrics") as answer:
            return f"lineagehub_web_replicas {count:.1f}" in await answer.text()

    await wait_until_async(counted, COUNTED_SECONDS, f"the web to count {count}")


async def test_two_webs_share_a_rate_and_a_stopped_or_killed_one_gives_its_share_back(
    web: RunningWeb, tmp_path: Path
) -> None:
    names = {REPLICAS.name: "replicas-of-two", CONTROL.name: "control-of-two"}
    kafka = web.settings.kafka.model_copy(update={"topic_names": names})
    await apply_topics(kafka, (REPLICAS, CONTROL))
    environment = {
        "LINEAGEHUB_KAFKA_BROKERS": kafka.brokers,
        "LINEAGEHUB_KAFKA_IDEMPOTENT": str(kafka.idempotent),
        "LINEAGEHUB_KAFKA_TOPIC_NAMES": json.dumps(names),
        "LINEAGEHUB_SECRET_KEY": SECRET_KEY,
        "LINEAGEHUB_WEB_PORT": "0",
    }
    async with limited_web(settings_for(kafka)) as first:
        first.replicas = None
        tenant = await first.tenant(requests_per_second=RATE, burst=RATE)
        assert await gained_in_a_second(first, tenant) == RATE
        with start_lineagehub(environment, tmp_path / "second.log", "serve", "--json") as (second, _):
            await until(first, 2)
            assert await gained_in_a_second(first, tenant) == RATE // 2
            second.kill()
            await until(first, 1)
            assert await gained_in_a_second(first, tenant) == RATE
        with start_lineagehub(environment, tmp_path / "restarted.log", "serve", "--json") as (restarted, _):
            await until(first, 2)
            assert await gained_in_a_second(first, tenant) == RATE // 2
            restarted.terminate()
            restarted.wait(COUNTED_SECONDS)
            await until(first, 1)
        assert await gained_in_a_second(first, tenant) == RATE
