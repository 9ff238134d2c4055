"""The daily quota at the door of the web: lets a request in or refuses it with 429, and tells every sender how much is left.

Receivers do not see it: receivers/records.py asks before it writes. All of a request is let in or none of it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

from aiohttp import web

from lineagehub.contract.control import Scope
from lineagehub.contract.usage import DAY_MS, day_of
from lineagehub.quota.daily import DailyQuota
from lineagehub.web.endpoint import endpoint_of
from lineagehub.web.parts import PRINCIPAL
from lineagehub.web.problems import QUOTA_EXCEEDED, Refused

DAY_SECONDS = DAY_MS // 1000


class QuotaDoor:
    """Decides for one web process. `now_ms`: milliseconds since the epoch."""

    def __init__(self, quota: DailyQuota, now_ms: Callable[[], int]) -> None:
        self._quota = quota
        self._now_ms = now_ms

    @contextlib.contextmanager
    def let_in(self, namespace: str, events: int) -> Iterator[None]:
        """Count events as let in while the block writes them. Raises Refused (429) when they do not all fit."""
        self.require_room(namespace, events)
        day = self._today()
        self._quota.reserve(namespace, day, events)
        try:
            yield
        finally:
            self._quota.release(namespace, day, events)

    def require_room(self, namespace: str, events: int) -> None:
        """Raise Refused (429) when so many events do not fit into what is left of the day."""
        day = self._today()
        room = self._quota.room(namespace, day)
        if room is None or events <= room or not events:
            return
        limit, used = self._quota.limit_of(namespace).soft, self._quota.used(namespace, day)
        resets_at = datetime.fromtimestamp((self._now_ms() // DAY_MS + 1) * DAY_SECONDS, UTC)
        raise Refused(
            QUOTA_EXCEEDED,
            f"The namespace {namespace!r} has used {used} of its {limit} events of {day}, UTC; this request has {events}.",
            retry_after_seconds=self._seconds_left() if limit else math.inf,
            members={"limit": limit, "used": used, "resets_at": resets_at.isoformat().replace("+00:00", "Z")},
        )

    def note_written(self, namespace: str, topic: str, partition: int, offset: int, events: int) -> None:
        """Count events that the broker has, until the quota agent does."""
        self._quota.note_written(namespace, self._today(), f"{topic}:{partition}", offset, events)

    def rate_limit_items(self, namespace: str) -> tuple[str, str]:
        """Return the item `day` of RateLimit-Policy and of RateLimit (draft-ietf-httpapi-ratelimit-headers-10)."""
        limit = self._quota.limit_of(namespace).soft
        left = max(0, limit - self._quota.used(namespace, self._today()))
        return f'"day";q={limit};w={DAY_SECONDS}', f'"day";r={left};t={self._seconds_left()}'

    def _today(self) -> str:
        return day_of(self._now_ms())

    def _seconds_left(self) -> int:
        return DAY_SECONDS - self._now_ms() // 1000 % DAY_SECONDS


def quota_headers(door: QuotaDoor) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what tells a sender, on every answer, how much of its day is left; other items of the headers stay."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        endpoint, principal = endpoint_of(request), request.get(PRINCIPAL)
        if endpoint is None or endpoint.scope is not Scope.INGEST_WRITE or principal is None or not principal.namespace:
            return
        items = door.rate_limit_items(principal.namespace)
        for name, item in zip(("RateLimit-Policy", "RateLimit"), items, strict=True):
            present = response.headers.get(name)
            response.headers[name] = f"{present}, {item}" if present else item

    return add
