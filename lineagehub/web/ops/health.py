"""Is it up? `/livez` (restart me if not), `/readyz` (send me traffic), `/api/v1/health` (what clients of the hub
ask)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub import __version__
from lineagehub.errors import LineageHubError
from lineagehub.telemetry.metrics import Metrics
from lineagehub.web.answers import json_answer, model_answer
from lineagehub.web.parts import Parts

CHECK_SECONDS = 2.0
CACHE_SECONDS = 1.0
STALE_SECONDS = 15.0


class Health(BaseModel):
    """The process serves requests."""

    status: Literal["healthy"]
    version: str


class Liveness(BaseModel):
    """The process runs."""

    status: Literal["alive"]


class Dependency(BaseModel):
    """One part that the web needs."""

    ok: bool
    latency_ms: float
    reason: str = Field(description="Why not; empty when ok.")


class Readiness(BaseModel):
    """`degraded` still takes data in: only the reads are away, or people's tokens, or daily quotas are not known."""

    status: Literal["ready", "degraded", "unready"]
    dependencies: dict[str, Dependency]
    authentication: Literal["on", "off"] = Field(
        description="`off`: whoever is on the hub's machine may do everything."
    )


REQUIRED = frozenset({"kafka", "control"})
"""Without these nothing can be taken in. ClickHouse is not one of them: Kafka keeps what it does not take yet. Nor is the
OpenID issuer: API keys need none."""


class ReadinessChecker:
    """Checks all dependencies at once, each bounded in time; many askers within a second share one check."""

    def __init__(self, parts: Parts, metrics: Metrics, authentication: Literal["on", "off"]) -> None:
        self._parts = parts
        self._metrics = metrics
        self._authentication = authentication
        self._lock = asyncio.Lock()
        self._checked_at = -CACHE_SECONDS
        self._readiness: Readiness | None = None

    async def readiness(self) -> Readiness:
        """Return the state of all dependencies, at most a second old. Takes at most two seconds."""
        async with self._lock:
            if self._readiness is None or time.monotonic() - self._checked_at >= CACHE_SECONDS:
                self._readiness = await self._check_all()
                self._checked_at = time.monotonic()
            return self._readiness

    async def _check_all(self) -> Readiness:
        checks: dict[str, Callable[[], Awaitable[object]]] = {
            "kafka": self._parts.producer.ping,
            "control": self._control,
            "usage": self._usage,
            "clickhouse": self._parts.clickhouse.ping,
        }
        if self._parts.people is not None:
            checks["oidc"] = self._parts.people.issuer.keys
        results = dict(zip(checks, await asyncio.gather(*map(_check, checks.values())), strict=True))
        for name, dependency in results.items():
            self._metrics.dependency_up.labels(name).set(dependency.ok)
        down = {name for name, dependency in results.items() if not dependency.ok}
        status: Literal["ready", "degraded", "unready"] = "ready"
        if down:
            status = "unready" if down & REQUIRED else "degraded"
        return Readiness(status=status, dependencies=results, authentication=self._authentication)

    async def _usage(self) -> None:
        view = self._parts.usage_view
        if not view.is_complete:
            raise LineageHubError("The usage topic is not read to its end yet: daily quotas refuse nothing until then.")
        if view.seconds_since_contact > STALE_SECONDS:
            raise LineageHubError(
                f"The usage topic did not answer for {view.seconds_since_contact:.0f} s: daily quotas go by what was known."
            )

    async def _control(self) -> None:
        view = self._parts.control_view
        if not view.is_complete:
            raise LineageHubError("The control topic is not read to its end yet, so not all keys are known.")
        if view.seconds_since_contact > STALE_SECONDS:
            raise LineageHubError(f"The control topic did not answer for {view.seconds_since_contact:.0f} s.")


async def _check(ask: Callable[[], Awaitable[object]]) -> Dependency:
    began = time.perf_counter()
    reason = ""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await ask()
    except TimeoutError:
        reason = f"It did not answer within {CHECK_SECONDS:g} s."
    except (LineageHubError, OSError) as error:
        reason = str(error) or repr(error)
    latency_ms = round((time.perf_counter() - began) * 1000, 2)
    return Dependency(ok=not reason, latency_ms=latency_ms, reason=reason)


READINESS = web.AppKey("readiness", ReadinessChecker)


async def read_health(request: web.Request) -> web.Response:
    """Answer that the process serves requests."""
    return json_answer({"status": "healthy", "version": __version__})


async def read_liveness(request: web.Request) -> web.Response:
    """Answer that the event loop turns."""
    return json_answer({"status": "alive"})


async def read_readiness(request: web.Request) -> web.Response:
    """Answer 200 if data can be taken in, else 503; each dependency with its latency and reason."""
    readiness = await request.app[READINESS].readiness()
    return model_answer(readiness, 503 if readiness.status == "unready" else 200)
