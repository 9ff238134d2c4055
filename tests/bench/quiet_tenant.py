"""A tenant that sends little and steadily, and how it fares: was each event taken, how fast, and how soon can it be queried?"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from dataclasses import dataclass, field

import aiohttp

from tests.bench.lineage_store import run_event

POLL_SECONDS = 0.1
"""So exact is freshness."""
STORED_SECONDS = 120


@dataclass
class Fared:
    """What became of the events, by their jobs' names, each of which is an event's own. Seconds."""

    sent_at: dict[str, float] = field(default_factory=dict)
    accepted_after: dict[str, float] = field(default_factory=dict)
    queryable_after: dict[str, float] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    @property
    def missing(self) -> set[str]:
        """Events that were accepted and cannot be queried."""
        return self.accepted_after.keys() - self.queryable_after.keys()


@dataclass(frozen=True)
class QuietTenant:
    """Sends to each web in turn, on time: an answer that comes late delays no other event, and counts from when its request was due."""

    urls: list[str]
    clickhouse_url: str
    namespace: str
    api_key: str

    async def send(self, rate: float, seconds: float) -> Fared:
        """Send so many events a second; return when all that were accepted can be queried, or at the deadline."""
        fared, count = Fared(), round(rate * seconds)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as client:
            watching = asyncio.create_task(self._watch(client, fared))
            began = time.monotonic()
            sending = []
            for number in range(count):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                sending.append(asyncio.create_task(self._post(client, fared, number, due)))
            await asyncio.gather(*sending)
            deadline = time.monotonic() + STORED_SECONDS
            while fared.missing and time.monotonic() < deadline:
                await asyncio.sleep(POLL_SECONDS)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return fared

    async def _post(self, client: aiohttp.ClientSession, fared: Fared, number: int, due: float) -> None:
        job = f"{self.namespace}-{number}"
        fared.sent_at[job] = due
        url = f"{self.urls[number % len(self.urls)]}/api/v1/lineage"
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        try:
            async with client.post(url, data=run_event(job), headers=headers) as answer:
                said = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            fared.refusals.append(repr(error))
            return
        if answer.status == 201:
            fared.accepted_after[job] = time.monotonic() - due
        else:
            fared.refusals.append(f"{answer.status} {said[:200]}")

    async def _watch(self, client: aiohttp.ClientSession, fared: Fared) -> None:
        sql = "SELECT DISTINCT JobName FROM lineagehub.lineage_events WHERE Namespace = {ns:String}"
        url = f"{self.clickhouse_url}/?{urllib.parse.urlencode({'param_ns': self.namespace})}"
        while True:
            async with client.post(url, data=sql) as answer:
                jobs = (await answer.text()).split()
            now = time.monotonic()
            for job in jobs:
                fared.queryable_after.setdefault(job, now - fared.sent_at[job])
            await asyncio.sleep(POLL_SECONDS)
