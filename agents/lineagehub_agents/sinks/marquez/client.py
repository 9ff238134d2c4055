"""HTTP to Marquez: send an event, ask whether one is there, ask whether Marquez is well. Used by sink.py only.

Every method raises Unavailable when Marquez does not answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from lineagehub.contract.lineage import parse_event_time
from lineagehub.errors import ConfigurationError, LineageHubError, Unavailable
from lineagehub.settings import MarquezSettings
from lineagehub_agents.sinks.marquez.events import LATE_FACET
from lineagehub_agents.sinks.marquez.ordering import TERMINAL

EVENTS_PATH = "/api/v1/lineage"
PROBE_PATH = "/api/v1/tags?limit=1"
"""A read that needs the database and no namespace: lists of those stay broken once another client has poisoned them."""

KEEP_ALIVE_SECONDS = 15
"""Below Marquez's 30 s, so that it never closes a connection we are about to use."""

ANSWER_BYTES = 2_000
READ_BYTES = 64 * 1_048_576
EVENTS_OF_ONE_MOMENT = 1_000
STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}


class NotReached(Unavailable):
    """No connection came about, so nothing is on its way to Marquez."""


class MarquezClient:
    """One Marquez. Opened by `start`."""

    def __init__(self, marquez: MarquezSettings) -> None:
        if not marquez.url:
            raise ConfigurationError("The marquez agent has no LINEAGEHUB_MARQUEZ_URL.", "Set LINEAGEHUB_MARQUEZ_URL.")
        self._base = marquez.url.rstrip("/")
        self._admin = marquez.admin_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=marquez.timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session; nothing is sent."""
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_SECONDS)
        )

    async def close(self) -> None:
        """Close the session. May be repeated."""
        if self._session is not None:
            await self._session.close()

    async def send(self, event: bytes) -> tuple[int, str]:
        """Send one event; return the status and the beginning of the answer. Raises NotReached when it did not even begin."""
        status, body = await self._request("POST", self._base + EVENTS_PATH, event)
        return status, body.decode(errors="replace")

    async def is_well(self) -> bool:
        """Whether Marquez has its database: by the admin port's health check, or by a read where that port does not say."""
        if self._admin:
            try:
                status, _ = await self._request("GET", f"{self._admin}/healthcheck")
            except Unavailable:
                status = 0
            if status in (200, 500):
                return status == 200
        status, _ = await self._request("GET", self._base + PROBE_PATH)
        return status == 200

    async def has_event(self, event: dict[str, Any]) -> bool:
        """Whether Marquez has this run event and its run is in the state that the event leaves. False for other events: no list has them.

        The event's row and its model are written side by side (lineage.md), so that the row alone proves little.
        """
        if "run" not in event:
            return False
        moment = parse_event_time(event["eventTime"])
        window = {
            "after": _iso(moment - timedelta(milliseconds=1)),
            "before": _iso(moment + timedelta(milliseconds=1)),
            "limit": EVENTS_OF_ONE_MOMENT,
        }
        listed = await self._read(f"/api/v1/events/lineage?{urlencode(window)}")
        if not any(_identity(found) == _identity(event) for found in (listed or {}).get("events", [])):
            return False
        run = await self._read(f"/api/v1/jobs/runs/{event['run']['runId']}")
        kind = event.get("eventType")
        return run is not None and run.get("state") == (STATES[kind] if kind in TERMINAL else "RUNNING")

    async def _read(self, path: str) -> dict[str, Any] | None:
        status, body = await self._request("GET", self._base + path, limit=READ_BYTES)
        if status == 404:
            return None
        if status != 200:
            raise Unavailable("marquez", f"Marquez answers {status} to {path}.")
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Unavailable("marquez", f"Marquez answers {path} with what is no JSON.") from error
        return document if isinstance(document, dict) else None

    async def _request(
        self, method: str, url: str, body: bytes | None = None, limit: int = ANSWER_BYTES
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise LineageHubError("The Marquez sink is not started.")
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, await _read_at_most(answer.content, limit)
        except aiohttp.ClientConnectorError as error:
            raise NotReached("marquez", f"Marquez at {url} cannot be reached: {error!r}.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("marquez", f"Marquez at {url} does not answer: {error!r}.") from error


async def _read_at_most(content: aiohttp.StreamReader, limit: int) -> bytes:
    read = bytearray()
    while len(read) < limit and (part := await content.read(limit - len(read))):
        read += part
    return bytes(read)


def _identity(event: dict[str, Any]) -> tuple[object, ...]:
    run, job = event.get("run") or {}, event.get("job") or {}
    # A late event has the type and time of its run's end; this facet alone tells the two apart.
    late = (run.get("facets") or {}).get(LATE_FACET) or {}
    return (
        str(run.get("runId")).lower(),
        event.get("eventType"),
        job.get("namespace"),
        job.get("name"),
        late.get("eventType"),
        late.get("eventTime"),
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
