"""A running web whose rate limits go by the test's clock, and tenants with limits of their own; for the tests of rates."""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.broker.control import ControlWriter
from lineagehub.contract.control import LimitsRecord, NamespaceRecord, Role
from lineagehub.contract.limits import Limits
from lineagehub.contract.topics import CONTROL
from lineagehub.quota.rate_limiter import RateLimiter
from lineagehub.settings import Settings
from lineagehub.web.app import Parts, create_app
from lineagehub.web.serve import listening, open_parts
from tests.hub.web.running import READY_SECONDS
from tests.support.waiting import wait_until_async


@dataclass(frozen=True)
class Reply:
    """What one request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def policy(self) -> str:
        """The rate's item of RateLimit-Policy; the day's stands beside it."""
        return self.headers["RateLimit-Policy"].partition(", ")[0]

    @property
    def rate(self) -> str:
        """The rate's item of RateLimit."""
        return self.headers["RateLimit"].partition(", ")[0]

    @property
    def remaining(self) -> int:
        """The items that can come at once now, as the answer says."""
        return int(self.rate.partition(";r=")[2].partition(";")[0])


@dataclass
class LimitedTenant:
    """A namespace with limits and an owner's and a reader's key."""

    web: LimitedWeb
    record: NamespaceRecord
    keys: dict[str, str] = field(default_factory=dict)
    revision: int = 0

    async def send(self, method: str, path: str, body: bytes | None, role: str = "owner", **headers: str) -> Reply:
        """Send one request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {self.keys[role]}"
        async with self.web.client.request(method, path, data=body, headers=named) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.read())

    async def set(self, limits: Limits, **keys: Limits) -> None:
        """Set the limits of the namespace, and of keys by their ids, and wait until the web knows them."""
        self.revision += 1
        record = LimitsRecord(
            revision=self.revision,
            namespace=self.record.name,
            namespace_id=self.record.id,
            limits=limits,
            keys=keys,
            updated_at=datetime.now(UTC),
        )
        await self.web.writer.put(record)

        async def known() -> bool:
            return self.web.parts.directory.limits(self.record) == record

        await wait_until_async(known, READY_SECONDS, "the limits to be known")


@dataclass
class LimitedWeb:
    """One running web; `now` is the time that its rate limits see, in seconds, `replicas` how many share them: None if it is to count."""

    settings: Settings
    now: float = 1_000.0
    replicas: int | None = 1

    def __post_init__(self) -> None:
        self.parts: Parts
        self.client: aiohttp.ClientSession

    @property
    def writer(self) -> ControlWriter:
        """Writes what tenants there are."""
        return ControlWriter(self.parts.producer, self.settings.kafka.topic_name(CONTROL))

    async def tenant(self, **limits: Any) -> LimitedTenant:
        """Make a namespace with these limits."""
        record = new_namespace(f"limited-{uuid.uuid4().hex[:8]}")
        tenant = LimitedTenant(self, record)
        await self.writer.put(record)
        for role in (Role.OWNER, Role.READER, Role.WRITER):
            api_key, key_record = issue_key(record, role, "test", self.parts.sealer)
            await self.writer.put(key_record)
            tenant.keys[role.value] = api_key.text
        await tenant.set(Limits(**limits))
        return tenant


@contextlib.asynccontextmanager
async def limited_web(settings: Settings) -> AsyncIterator[LimitedWeb]:
    """Run a web in this loop; everything in it is real but for the clock of its rate limits and the number of replicas."""
    web = LimitedWeb(settings)
    async with open_parts(settings) as parts:
        limiter = RateLimiter(parts.directory, lambda: web.replicas or parts.replicas.count(), lambda: web.now)
        web.parts = dataclasses.replace(parts, rate_limiter=limiter)
        async with (
            listening(create_app(settings, web.parts), settings) as url,
            aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(30)) as client,
        ):
            web.client = client
            assert await parts.control_view.wait_complete(READY_SECONDS)
            yield web
