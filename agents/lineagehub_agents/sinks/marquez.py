"""Marquez: one POST an event, as measured on Marquez 0.51.1 (marquez.md).

201 is success; 400, 422 and a 500 that says code 400 are the event's fault; other 5xx, timeouts and refused connections pass; 404, 405,
406 and 415 mean that the URL is no Marquez, and stop the agent. A duplicate is visible there, so batches hold one event: the
range is recorded and committed event by event. Job namespaces become `{namespace}/{job namespace}` when they differ.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson

from lineagehub.contract.reasons import Reason
from lineagehub.errors import ConfigurationError, LineageHubError, Permanent, Retryable, Unavailable
from lineagehub.settings import MarquezSettings
from lineagehub_agents.delivery.records import SinkBatch

PATH = "/api/v1/lineage"
REFUSED_FOR_GOOD = frozenset({400, 413, 422})
NOT_MARQUEZ = frozenset({401, 403, 404, 405, 406, 415})


class MarquezSink:
    """Forwards lineage events to Marquez, one at a time per partition; partitions go side by side."""

    maximum_records = 1

    def __init__(self, marquez: MarquezSettings) -> None:
        if not marquez.url:
            raise ConfigurationError("The marquez agent has no LINEAGEHUB_MARQUEZ_URL.", "Set LINEAGEHUB_MARQUEZ_URL.")
        self._url = marquez.url.rstrip("/") + PATH
        self._timeout = aiohttp.ClientTimeout(total=marquez.timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """See Sink. The keep-alive is below Marquez's 30 s, so that it never closes a connection we are about to use."""
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, connector=aiohttp.TCPConnector(keepalive_timeout=15), auto_decompress=True
        )

    async def send(self, batch: SinkBatch) -> None:
        """See Sink."""
        for checked in batch.records:
            await self._post(isolated_event(checked.value, checked.envelope.namespace))

    async def close(self) -> None:
        """See Sink."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: bytes) -> None:
        if self._session is None:
            raise LineageHubError("The Marquez sink is not started.")
        try:
            async with self._session.post(self._url, data=body, headers={"Content-Type": "application/json"}) as answer:
                text = await answer.text(errors="replace")
                status = answer.status
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise Unavailable("marquez", f"Marquez at {self._url} does not answer: {error!r}.") from error
        if status == 201:
            return
        raise _verdict(status, text)


def isolated_event(value: bytes, namespace: str) -> bytes:
    """Return the event with its job namespace bound to the hub namespace, so that tenants do not meet in Marquez."""
    event: dict[str, Any] = orjson.loads(value)
    job = event.get("job")
    if not isinstance(job, dict) or job.get("namespace") == namespace:
        return value
    event["job"] = {**job, "namespace": f"{namespace}/{job['namespace']}"}
    return orjson.dumps(event)


def _verdict(status: int, text: str) -> Exception:
    short = text[:300]
    if status in REFUSED_FOR_GOOD or (status == 500 and _says_code_400(text)):
        return Permanent(Reason.MARQUEZ_REJECTED, f"Marquez refuses the event with {status}: {short}")
    if status in NOT_MARQUEZ:
        return ConfigurationError(f"LINEAGEHUB_MARQUEZ_URL answers {status}: it is no Marquez.", "Correct the URL.")
    return Retryable(f"Marquez answers {status}: {short}")


def _says_code_400(text: str) -> bool:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and answer.get("code") == 400
