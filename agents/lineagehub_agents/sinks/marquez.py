"""Marquez: one POST an event, as measured on Marquez 0.51.1 (marquez.md).

201 is success; 400, 413, 422 and a 500 that says code 400 are the event's fault; other 5xx, timeouts and refused connections
pass; anything else means that the URL is no Marquez, and stops the agent. A 500 without that code may be either: it is retried for
longer than a restart of PostgreSQL takes, and is the event's fault only if Marquez answers well otherwise. A duplicate is
visible there, so batches hold one event: the range is recorded and committed event by event.
"""

from __future__ import annotations

import time

import aiohttp
import orjson

from lineagehub.contract.reasons import Reason
from lineagehub.errors import ConfigurationError, LineageHubError, Permanent, Retryable, Unavailable
from lineagehub.settings import MarquezSettings
from lineagehub_agents.delivery.records import SinkBatch
from lineagehub_agents.sinks._marquez_events import marquez_event

EVENTS_PATH = "/api/v1/lineage"
PROBE_PATH = "/api/v1/namespaces?limit=1"
"""The cheapest read that needs the database."""

REFUSED_FOR_GOOD = frozenset({400, 413, 422})
PASSING = frozenset({408, 425, 429})
PATIENCE_SECONDS = 60.0
"""After a restart of PostgreSQL Marquez answers 500 for 30 to 37 s."""

ANSWER_BYTES = 2_000


class MarquezSink:
    """Forwards lineage events to Marquez, one at a time per partition; partitions go side by side."""

    maximum_records = 1

    def __init__(self, marquez: MarquezSettings, patience_seconds: float = PATIENCE_SECONDS) -> None:
        if not marquez.url:
            raise ConfigurationError("The marquez agent has no LINEAGEHUB_MARQUEZ_URL.", "Set LINEAGEHUB_MARQUEZ_URL.")
        self._base = marquez.url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=marquez.timeout_seconds)
        self._patience_seconds = patience_seconds
        self._failing_since: dict[str, float] = {}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """See Sink. The keep-alive is below Marquez's 30 s, so that it never closes a connection we are about to use."""
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, connector=aiohttp.TCPConnector(keepalive_timeout=15)
        )

    async def send(self, batch: SinkBatch) -> None:
        """See Sink. A repeated token is sent again: Marquez knows none, and Kafka's offset is committed event by event."""
        for checked in batch.records:
            event = marquez_event(checked.value, checked.envelope.namespace)
            status, text = await self._request("POST", EVENTS_PATH, event)
            if status != 201:
                await self._raise_verdict(status, text, batch.token)
        self._failing_since.pop(batch.token, None)

    async def close(self) -> None:
        """See Sink."""
        if self._session is not None:
            await self._session.close()

    async def _request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        if self._session is None:
            raise LineageHubError("The Marquez sink is not started.")
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                method, self._base + path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, (await answer.content.read(ANSWER_BYTES)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("marquez", f"Marquez at {self._base} does not answer: {error!r}.") from error

    async def _raise_verdict(self, status: int, text: str, token: str) -> None:
        said = f"{status}: {text[:300]}"
        if status in REFUSED_FOR_GOOD or (status == 500 and _says_code_400(text)):
            raise Permanent(Reason.MARQUEZ_REJECTED, f"Marquez refuses the event with {said}")
        if status < 500 and status not in PASSING:
            raise ConfigurationError(
                f"LINEAGEHUB_MARQUEZ_URL answers {said}: it is no Marquez.", "Correct LINEAGEHUB_MARQUEZ_URL."
            )
        if status == 500 and await self._is_the_events_fault(token):
            del self._failing_since[token]
            raise Permanent(Reason.RETRIES_EXHAUSTED, f"Marquez is well, but fails on the event with {said}")
        raise Retryable(f"Marquez answers {said}")

    async def _is_the_events_fault(self, token: str) -> bool:
        since = self._failing_since.setdefault(token, time.monotonic())
        if time.monotonic() - since < self._patience_seconds:
            return False
        status, _ = await self._request("GET", PROBE_PATH)
        return status == 200


def _says_code_400(text: str) -> bool:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and answer.get("code") == 400
